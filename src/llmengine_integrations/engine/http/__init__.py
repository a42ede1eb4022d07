"""The engine over HTTP. The only folder that imports starlette."""
