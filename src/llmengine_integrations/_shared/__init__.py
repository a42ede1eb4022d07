"""What the client and the engine share. It imports nothing but the standard library."""
