"""Sends and receives. Only this folder imports httpx, httpcore or aiohttp."""
