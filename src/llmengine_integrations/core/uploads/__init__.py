"""What an upload sends."""
