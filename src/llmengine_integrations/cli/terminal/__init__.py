"""What the commands write to a terminal or a pipe."""
