"""Recorded exchanges with the real gateway, played through the public client.

`tests/cassettes/<folder>/<number>-<name>.yaml` holds one exchange each, in vcrpy's format with readable bodies (`serializer.py`).
A `Row` says which call causes the exchange and what the caller gets; `rows/` holds one module of rows per resource, and
`tests/core/test_recordings_play.py` plays every row on `Client` and on `AsyncClient`. What no row plays stands in `unplayed.py` with the
reason, or a test fails.

To add one: a line in the resource's module of `rows/`; a new resource's module is listed in `rows/__init__.py`.
"""
