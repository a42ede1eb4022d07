"""Turns a request's fields into a generation request, and pieces of text into a reply's body. Uses no web framework and no model."""
