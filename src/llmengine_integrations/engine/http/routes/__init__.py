"""The engine's routes, one module per resource."""
