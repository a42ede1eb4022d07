"""One module per resource. They only build operations."""
