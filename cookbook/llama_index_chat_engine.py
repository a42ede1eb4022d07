"""How do I chat with my documents in LlamaIndex, with a memory, whole and streamed?

This starts the embedded engine. To use your own server, remove `EmbeddedEngine` and set LLM_ENGINE_BASE_PATH and SCALE_API_KEY.
"""

from __future__ import annotations

import sys

from llama_index.core import Document, Settings, VectorStoreIndex
from llama_index.core.callbacks import CallbackManager, TokenCountingHandler
from llama_index.core.memory import ChatMemoryBuffer
from llama_index_rag import Words

from llmengine_integrations.engine import EmbeddedEngine
from llmengine_integrations.llama_index import LLMEngine

TEXTS = [
    "The lighthouse of Marven was built in 1874. Its keeper is Ilse Brandt.",
    "The museum of Marven opens at nine. The entrance fee is 12 euros.",
]
TURNS = {
    "When was the lighthouse built?": "1874",
    "My name is Priscilla.": "Priscilla",
    "What is my name?": "Priscilla",
}


def main() -> int:
    """Say every turn. Return 0 if each answer is right."""
    counter, wrong = TokenCountingHandler(), 0
    with EmbeddedEngine() as engine:
        Settings.callback_manager = CallbackManager([counter])
        Settings.llm = LLMEngine.from_endpoint(
            engine.models[0], base_url=engine.base_url, api_key=engine.api_key, temperature=0, max_new_tokens=48
        )
        index = VectorStoreIndex.from_documents([Document(text=text) for text in TEXTS], embed_model=Words())
        memory = ChatMemoryBuffer.from_defaults(token_limit=600)
        chat = index.as_chat_engine(chat_mode="context", memory=memory, similarity_top_k=1)
        for turn, expected in TURNS.items():
            print(f"you: {turn}\nmodel: ", end="")
            answer = ""
            for token in chat.stream_chat(turn).response_gen:
                print(token, end="", flush=True)
                answer += token
            print(f"   ({counter.total_llm_token_count} tokens so far)")
            wrong += expected not in answer
        print(f"\nIn the memory: {len(chat.chat_history)} messages.")
    print("The engine has stopped." + (f" {wrong} answers were wrong." if wrong else ""))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
