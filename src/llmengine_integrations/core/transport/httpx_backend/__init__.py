"""The backend over httpx: our own connections, or a client that the user gives."""
