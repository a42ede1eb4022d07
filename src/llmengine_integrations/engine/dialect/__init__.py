"""From a request's fields to a generation request, and from pieces of text to a reply's body. No web framework, no model."""
