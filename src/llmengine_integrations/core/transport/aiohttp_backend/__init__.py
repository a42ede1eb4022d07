"""The backend over aiohttp, for asyncio."""
