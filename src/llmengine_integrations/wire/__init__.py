"""The bodies of requests and replies, one module per resource.

Requests are `TypedDict`s with the server's limits in their annotations. The client unpacks them as keyword arguments, and the embedded
engine validates requests against them. Replies are pydantic models that keep the fields of a newer server.
"""
