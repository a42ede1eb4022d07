"""How do I answer questions about my documents with LlamaIndex, streamed, with the passages behind each answer?

This starts the embedded engine. To use your own server, remove `EmbeddedEngine` and set LLM_ENGINE_BASE_PATH and SCALE_API_KEY.
"""

from __future__ import annotations

import re
import sys
import zlib
from pathlib import Path

from llama_index.core import SimpleDirectoryReader, VectorStoreIndex
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.node_parser import SentenceSplitter

from llmengine_integrations.engine import EmbeddedEngine
from llmengine_integrations.llama_index import LLMEngine

QUESTIONS = {"Who founded Scale AI?": "Alexandr Wang", "On which port does the embedded engine listen?": "5005"}


class Words(BaseEmbedding):
    """An embedding of a text's words, each with its own position and longer ones with more weight. Needs no model and no network."""

    def _get_text_embedding(self, text: str) -> list[float]:
        vector = [0.0] * 2048
        for word in set(re.findall(r"\w+", text.lower())):
            vector[zlib.crc32(word.removesuffix("s").encode()) % 2048] = len(word) ** 2
        return vector

    _get_query_embedding = _get_text_embedding

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)


def main() -> int:
    """Ask every question. Return 0 if each answer is right and is in a cited passage."""
    documents = SimpleDirectoryReader(Path(__file__).parent / "data", required_exts=[".txt"]).load_data()
    splitter, wrong = SentenceSplitter(chunk_size=70, chunk_overlap=0), 0
    index = VectorStoreIndex.from_documents(documents, embed_model=Words(), transformations=[splitter])
    with EmbeddedEngine() as engine:
        where = {"base_url": engine.base_url, "api_key": engine.api_key}
        llm = LLMEngine.from_endpoint(engine.models[0], **where, temperature=0, max_new_tokens=48)
        answering = index.as_query_engine(llm=llm, similarity_top_k=2, streaming=True)
        for question, expected in QUESTIONS.items():
            print(f"Q: {question}\nA: ", end="")
            response = answering.query(question)
            response.print_response_stream()
            for source in response.source_nodes:
                print(f"\n   {source.metadata['file_name']}, {source.score:.2f}: {source.text}", end="")
            print("\n")
            wrong += expected not in str(response) or not any(expected in one.text for one in response.source_nodes)
    print("The engine has stopped." + (f" {wrong} answers were wrong." if wrong else ""))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
