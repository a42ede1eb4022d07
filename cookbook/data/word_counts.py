"""A small stand-in for an embedding model: in earnest, use a real one."""

from __future__ import annotations

import re
from collections import Counter

from langchain_core.embeddings import Embeddings


class WordCounts(Embeddings):
    """Counts the words of a text, the rarer ones for more."""

    def __init__(self, texts: list[str]) -> None:
        self.seen = Counter(word for text in texts for word in set(re.findall(r"\w+", text)))

    def embed_query(self, text: str) -> list[float]:
        """A text's vector, with a dimension for each word."""
        found = Counter(re.findall(r"\w+", text))
        return [found[word] / count for word, count in self.seen.items()]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Each text's vector."""
        return [self.embed_query(text) for text in texts]
