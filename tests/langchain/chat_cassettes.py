"""How the chats with the embedded engine are recorded: readable, without keys and addresses, compared by what they ask."""

from __future__ import annotations

import json
import re
from itertools import count

from recordings.tape import BASE_URL, FOLDER

CASSETTES = FOLDER / "langchain" / "chat"


def scrubbed_request(request):
    """As it goes to any gateway, without the key; played requests are looked up in this form, too."""
    request.uri = re.sub(r"^http://[^/]+", BASE_URL, request.uri)
    kept = {"authorization": "Basic scrubbed", "content-type": "application/json"}
    request.headers = {name: value for name, value in kept.items() if name in request.headers}
    return request


def scrubbed_response(response):
    headers = {name.lower(): value for name, value in response["headers"].items()}
    return {**response, "headers": {"content-type": headers["content-type"]}}


def same_question(ours, recorded):
    """The same body, but for the ids that LangChain gives to the calls of its examples, and the indentation of descriptions.

    Python takes the indentation out of docstrings from 3.13 on.
    """
    assert question(ours) == question(recorded)


def question(request):
    numbers = count()
    known = {}

    def number(value, key=None):
        if isinstance(value, dict):
            return {name: number(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [number(item) for item in value]
        if key == "description":
            return " ".join(value.split())
        return known.setdefault(value, next(numbers)) if key in {"id", "tool_call_id"} else value

    return number(json.loads(request.body))


CONFIG = {
    "serializer": "readable",
    "match_on": ["method", "uri", "same_question"],
    "before_record_request": scrubbed_request,
    "before_record_response": scrubbed_response,
    "path_transformer": lambda path: f"{path}.yaml",
}


def cassette_of(name):
    """What the cassette of a test is called."""
    return name.replace("[", "-").replace("]", "")
