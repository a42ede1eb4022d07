"""The backend based on httpx: our own connections, or a client that the user gives."""

from typing import TypeAlias

import httpx

HttpClient: TypeAlias = httpx.Client
HttpAsyncClient: TypeAlias = httpx.AsyncClient
"""For the annotations of modules that do not import httpx."""
