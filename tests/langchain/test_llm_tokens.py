"""Counting tokens ahead of a call: with the model's own tokenizer, and never through the network."""

from __future__ import annotations

import pickle
import socket

import pytest
from langchain_core.load import dumps
from langchain_core.messages import HumanMessage

from llmengine_integrations import errors
from llmengine_integrations.langchain import LLMEngine

from . import calls


class Letters:
    def encode(self, text):
        return [ord(letter) for letter in text]


@pytest.fixture
def folder():
    pytest.importorskip("tokenizers")
    return pytest.importorskip("llmengine_integrations.engine.config").DEFAULT_MODEL_PATH


@pytest.fixture
def no_network(monkeypatch):
    def refused(*args):
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)


@pytest.mark.usefixtures("no_network")
def test_a_tokenizer_of_the_users():
    llm = LLMEngine(model="m", tokenizer=Letters())
    assert llm.get_token_ids("ab") == [97, 98]
    assert llm.get_num_tokens("abc") == 3
    assert llm.get_num_tokens_from_messages([HumanMessage("x")]) == len("Human: x")
    assert LLMEngine(model="m", tokenizer=Letters(), custom_get_token_ids=lambda text: [1]).get_num_tokens("abc") == 1


@pytest.mark.usefixtures("no_network")
def test_a_tokenizer_of_this_machine(folder):
    tokenizers = pytest.importorskip("tokenizers")
    expected = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json")).encode("Once upon a time")
    assert len(expected.ids) > 3
    loaded = tokenizers.Tokenizer.from_str((folder / "tokenizer.json").read_text(encoding="utf-8"))
    for tokenizer in (folder, str(folder), folder / "tokenizer.json", loaded):
        assert LLMEngine(model="m", tokenizer=tokenizer).get_token_ids("Once upon a time") == expected.ids


@pytest.mark.usefixtures("no_network")
def test_without_one_the_error_says_what_to_do(tmp_path):
    for llm in (LLMEngine(model="m"), LLMEngine(model="m", tokenizer=None)):
        with pytest.raises(errors.ConfigurationError, match=r"Give LLMEngine the model's tokenizer: tokenizer='path"):
            llm.get_num_tokens("x")
    with pytest.raises(errors.ConfigurationError, match="There is no tokenizer at gpt2; it is not fetched"):
        LLMEngine(model="m", tokenizer="gpt2").get_num_tokens("x")
    with pytest.raises(ValueError, match="an object with a method encode"):
        LLMEngine(model="m", tokenizer=5)


def test_the_tokenizer_is_no_part_of_what_is_shown_or_asked():
    llm, plain = LLMEngine(model="m", tokenizer=Letters()), LLMEngine(model="m")
    assert llm._identifying_params == plain._identifying_params
    assert dumps(llm) == dumps(plain)
    assert "Letters" not in repr(llm)
    assert pickle.loads(pickle.dumps(llm)).get_num_tokens("ab") == 2  # noqa: S301


@pytest.mark.engine
async def test_it_counts_as_the_server_does(engine, folder):
    llm = LLMEngine(
        model=engine.models[0], base_url=engine.base_url, api_key=engine.api_key, max_tokens=1, tokenizer=folder
    )
    prompt = "Question: Who founded Scale AI?\nAnswer:"
    info = await calls.info(calls.ainvoke, llm, prompt)
    assert info["token_usage"]["prompt_tokens"] == llm.get_num_tokens(prompt)
