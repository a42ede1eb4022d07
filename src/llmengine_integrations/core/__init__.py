"""The HTTP client: pure descriptions of what to send, and one module that sends it."""
