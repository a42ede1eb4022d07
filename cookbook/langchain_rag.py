"""How do I answer questions from my own files, and say which passages an answer rests on?

This uploads a text to the engine, loads it with `LLMEngineFileLoader`, finds passages for a question in a vector store, and lets
`LLMEngine` answer.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from data.word_counts import WordCounts
from langchain_core.document_loaders import BaseBlobParser
from langchain_core.documents import Document
from langchain_core.documents.base import Blob
from langchain_core.prompts import PromptTemplate
from langchain_core.runnables import RunnablePassthrough
from langchain_core.vectorstores import InMemoryVectorStore

from llmengine_integrations import Client
from llmengine_integrations.engine import EmbeddedEngine
from llmengine_integrations.langchain import LLMEngine, LLMEngineFileLoader

TEXT = Path(__file__).parent / "data" / "llm_engine.txt"
QUESTIONS = {"Who founded Scale AI?": "Lucy Guo", "On which port does the embedded engine listen?": "5005"}
PROMPT = PromptTemplate.from_template("Context: {context}\n\nQuestion: {question}\nAnswer:")


class Sentences(BaseBlobParser):
    """Make each sentence a document; the loader adds its source."""

    def lazy_parse(self, blob: Blob) -> Iterator[Document]:
        """Yield the sentences of a file."""
        yield from map(Document, re.split(r"(?<=\.)\s+", blob.as_string().strip()))


def main() -> int:
    """Ask every question. Return 0 if each answer is right and its source is among the passages."""
    wrong = 0
    with EmbeddedEngine() as engine, Client(engine.base_url, engine.api_key) as client:
        passages = LLMEngineFileLoader(client.files.upload(TEXT).id, client=client, blob_parser=Sentences()).load()
        store = InMemoryVectorStore.from_documents(passages, WordCounts([one.page_content for one in passages]))
        llm = LLMEngine(model=engine.models[0], client=client, temperature=0, max_tokens=32)
        found = {"question": RunnablePassthrough(), "sources": store.as_retriever(search_kwargs={"k": 2})}
        context = RunnablePassthrough.assign(context=lambda x: " ".join(one.page_content for one in x["sources"]))
        chain = found | context | RunnablePassthrough.assign(answer=PROMPT | llm)
        for question, expected in QUESTIONS.items():
            reply = chain.invoke(question)
            print(f"Q: {question}\nA:{reply['answer']}")
            for source in reply["sources"]:
                print(f"   from {source.metadata['filename']} ({source.id}): {source.page_content}")
            wrong += not (expected in reply["answer"] and any(expected in one.page_content for one in reply["sources"]))
    print("The engine has stopped." + (f" {wrong} answers were wrong." if wrong else ""))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
