"""A misspelt option is answered in the same words everywhere."""

from __future__ import annotations

import pytest

from llmengine_integrations import Client
from llmengine_integrations._shared.did_you_mean import did_you_mean


def test_the_closest_name_is_suggested():
    assert did_you_mean("temprature", {"temperature": 1, "top_k": 2}) == "; did you mean 'temperature'?"
    assert did_you_mean("zzz", iter(["temperature"])) == ""


def calls():
    langchain = pytest.importorskip("llmengine_integrations.langchain")
    llama_index = pytest.importorskip("llmengine_integrations.llama_index")
    place = {"base_url": "http://127.0.0.1:1", "api_key": "key"}
    yield lambda **options: Client(*place.values()).completions.create("m", "p", **options)
    yield lambda **options: langchain.LLMEngine(model="m", **place).invoke("p", **options)
    yield lambda **options: llama_index.LLMEngine(model="m", **place).complete("p", **options)


def test_the_words_are_the_same():
    for call in calls():
        with pytest.raises(
            TypeError, match=r"^unexpected keyword argument 'temprature'; did you mean 'temperature'\?$"
        ):
            call(temprature=1)
        with pytest.raises(TypeError, match=r"^unexpected keyword argument 'qqqq'$"):
            call(qqqq=1)
