"""The backend based on aiohttp, for asyncio."""
