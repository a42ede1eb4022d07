"""How do I read files that LLM Engine keeps, as documents of LangChain and of LlamaIndex?"""

from __future__ import annotations

import sys
from pathlib import Path

from llmengine_integrations import Client
from llmengine_integrations.engine import EmbeddedEngine
from llmengine_integrations.langchain import LLMEngineFileLoader
from llmengine_integrations.llama_index import LLMEngineFileReader

DATA = Path(__file__).parent / "data"


def main() -> int:
    """Upload two files and read them. Return 0 if both frameworks find the same."""
    with EmbeddedEngine() as engine, Client(engine.base_url, engine.api_key) as client:
        ids = [client.files.upload(DATA / name).id for name in ("staff.csv", "llm_engine.txt")]
        loader = LLMEngineFileLoader(ids, client=client, mode="rows", metadata_columns=["city"])
        reader = LLMEngineFileReader(file_ids=ids, client=client, mode="rows")
        loaded, read = loader.load(), reader.load_data()
        row, text = loaded[0], read[-1]
        print(f"{len(loaded)} documents. The first row, in LangChain, with a column as metadata:")
        print(f"   {row.id}: {row.page_content!r} {row.metadata['city']!r}")
        print(f"The text, in LlamaIndex:\n   {text.doc_id}: {text.text[:60]!r}... {text.metadata['file_name']!r}")
    print("The engine has stopped.")
    return 0 if [one.id for one in loaded] == [one.doc_id for one in read] else 1


if __name__ == "__main__":
    sys.exit(main())
