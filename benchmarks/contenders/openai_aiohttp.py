"""The openai client over aiohttp."""

from __future__ import annotations

from typing import Any

import openai

from contenders import openai_sdk


class Contender(openai_sdk.Contender):
    """The openai client with the transport that it recommends for many calls at once."""

    def _options(self) -> dict[str, Any]:
        return {"http_client": openai.DefaultAioHttpClient()}
