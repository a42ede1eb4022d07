"""Decoders of streamed replies: bytes or events in, typed values out, no I/O."""
