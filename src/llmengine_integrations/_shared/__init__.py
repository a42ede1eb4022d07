"""Code that the client and the engine share. It imports only the standard library."""
