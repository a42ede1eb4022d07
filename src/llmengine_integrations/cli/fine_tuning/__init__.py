"""A fine-tune's progress in a terminal."""
