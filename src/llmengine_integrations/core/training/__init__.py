"""Training files: reading, checking and appending rows."""
