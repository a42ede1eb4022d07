"""The parts of the completion model."""
