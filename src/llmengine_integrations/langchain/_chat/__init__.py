"""The parts of the chat model."""
