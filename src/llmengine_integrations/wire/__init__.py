"""The bodies on the wire, in both directions, one module per resource.

Requests are `TypedDict`s whose annotations carry the server's bounds: the client unpacks them as keyword arguments, and the
embedded engine validates against them. Replies are pydantic models that keep what a newer server adds.
"""
