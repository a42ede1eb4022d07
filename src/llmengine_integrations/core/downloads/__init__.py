"""Downloads of files: ranges, resuming, several at a time, and writing them to disk."""
