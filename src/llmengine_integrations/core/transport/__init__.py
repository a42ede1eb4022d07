"""Sending and receiving. The only folder that imports httpx, httpcore or aiohttp."""
