"""How servers stream tool calls: the deltas, and the calls that are meant. Both adapters are tried with each of them."""

from __future__ import annotations

import sys

ANY = "any id"
"""The server sent none, so that the call gets one of our own."""


def call(index=None, call_id=None, name=None, arguments=None, **more):
    """A part of a call; what is None is left out."""
    function = {key: value for key, value in {"name": name, "arguments": arguments}.items() if value is not None}
    found = {"index": index, "id": call_id, "function": function or None}
    return {**{key: value for key, value in found.items() if value is not None}, **more}


def tools(*calls):
    return {"tool_calls": list(calls)}


X, Y = {"x": 1}, {"y": 2}
WHOLE_X, WHOLE_Y = '{"x": 1}', '{"y": 2}'

STREAMS = {
    "one after the other": (
        [tools(call(0, "a", "f", "")), tools(call(0, arguments=WHOLE_X)), tools(call(1, "b", "g", WHOLE_Y))],
        [("a", "f", X), ("b", "g", Y)],
    ),
    "whole calls that share an index": (
        [tools(call(0, "a", "f", WHOLE_X)), tools(call(0, "b", "f", WHOLE_X)), tools(call(0, "c", "g", WHOLE_Y))],
        [("a", "f", X), ("b", "f", X), ("c", "g", Y)],
    ),
    "whole calls that share an index, without ids": (
        [tools(call(0, None, "f", WHOLE_X)), tools(call(0, None, "f", WHOLE_X)), tools(call(0, None, "g", WHOLE_Y))],
        [(ANY, "f", X), (ANY, "f", X), (ANY, "g", Y)],
    ),
    "whole calls in one chunk without index and id": (
        [tools(call(None, None, "f", WHOLE_X), call(None, None, "g", WHOLE_Y))],
        [(ANY, "f", X), (ANY, "g", Y)],
    ),
    "one id for all": (
        [tools(call(0, "a", "f", WHOLE_X)), tools(call(0, "a", "g", WHOLE_Y))],
        [("a", "f", X), ("a", "g", Y)],
    ),
    "an id in each delta, names once": (
        [tools(call(0, "a", "f", '{"x"')), tools(call(0, "a", None, ": 1}"))],
        [("a", "f", X)],
    ),
    "name and id in each delta": (
        [tools(call(0, "a", "f", part)) for part in ('{"x"', ": ", "1", "}", "")],
        [("a", "f", X)],
    ),
    "the name in each delta, no id": (
        [tools(call(0, None, "f", part)) for part in ('{"deep": {"x"', ": 1}", "}")],
        [(ANY, "f", {"deep": X})],
    ),
    "the name in parts": (
        [tools(call(0, "a", part)) for part in ("get", "_", "weather")] + [tools(call(0, arguments=WHOLE_X))],
        [("a", "get_weather", X)],
    ),
    "an id that changes to nothing": (
        [tools(call(0, "a", "f", "")), tools(call(0, "", "", '{"x": ')), tools(call(0, "", None, "1}"))],
        [("a", "f", X)],
    ),
    "an id that changes in the middle": (
        [tools(call(0, "a", "f", '{"x": ')), tools(call(0, "b", None, "1}"))],
        [("a", "f", X)],
    ),
    "an id that comes late": (
        [tools(call(0, None, "f")), tools(call(0, "a", None, WHOLE_X))],
        [("a", "f", X)],
    ),
    "a name that comes late": (
        [tools(call(0, "a")), tools(call(0, None, "f", '{"x": ')), tools(call(0, None, None, "1}"))],
        [("a", "f", X)],
    ),
    "arguments before the name": (
        [tools(call(0, None, None, '{"x": ')), tools(call(0, "a", "f", "1}"))],
        [("a", "f", X)],
    ),
    "interleaved, told apart by index": (
        [
            tools(call(0, "a", "f", '{"x"'), call(1, "b", "g", '{"y"')),
            tools(call(1, None, None, ": 2}"), call(0, None, None, ": 1}")),
        ],
        [("a", "f", X), ("b", "g", Y)],
    ),
    "interleaved, told apart by id": (
        [
            tools(call(0, "a", "f", '{"x"')),
            tools(call(0, "b", "g", '{"y"')),
            tools(call(0, "a", None, ": 1}")),
            tools(call(0, "b", None, ": 2}")),
        ],
        [("a", "f", X), ("b", "g", Y)],
    ),
    "indexes from 1, with gaps": (
        [tools(call(1, "a", "f", WHOLE_X)), tools(call(7, "b", "g", '{"y"')), tools(call(7, arguments=": 2}"))],
        [("a", "f", X), ("b", "g", Y)],
    ),
    "an index for each delta": (
        [tools(call(3, "a", "f", '{"x"')), tools(call(4, "a", None, ": 1}"))],
        [("a", "f", X)],
    ),
    "an index in the first delta only": (
        [tools(call(1, "a", "f", '{"x"')), tools(call(None, None, None, ": 1}"))],
        [("a", "f", X)],
    ),
    "null where nothing is said": (
        [
            tools({"index": None, "id": "a", "type": None, "function": {"name": "f", "arguments": None}}),
            tools({"index": None, "id": None, "type": None, "function": {"name": None, "arguments": WHOLE_X}}),
            tools({"index": None, "id": None, "type": None, "function": None}),
        ],
        [("a", "f", X)],
    ),
    "arguments as an object": (
        [tools(call(0, "a", "f", X)), tools(call(0, "b", "g", Y))],
        [("a", "f", X), ("b", "g", Y)],
    ),
    "several parts of a call in one chunk": (
        [tools(call(0, "a", "f", " "), call(0, None, None, '{"x"'), call(0, None, None, ": 1}"))],
        [("a", "f", X)],
    ),
    "the function_call that OpenAI has deprecated": (
        [{"function_call": {"name": "f", "arguments": ""}}, {"function_call": {"arguments": WHOLE_X}}],
        [(ANY, "f", X)],
    ),
    "a function_call beside the same tool call": (
        [{**tools(call(0, "a", "f", WHOLE_X)), "function_call": {"name": "f", "arguments": WHOLE_X}}],
        [("a", "f", X)],
    ),
    "a call that is sent again whole": (
        [tools(call(0, "a", "f", WHOLE_X)), tools(call(0, "a", "f", WHOLE_X))],
        [("a", "f", None)],
    ),
    "no name": (
        [tools(call(0, "a", None, WHOLE_X)), tools(call(1, "b", "g", WHOLE_Y))],
        [("a", "", None), ("b", "g", Y)],
    ),
}
"""The deltas of one choice, and the calls as (id, name, arguments); the arguments are None for a call that cannot be made."""

ARGUMENTS = {
    "{}": {},
    "": {},
    " \n": {},
    "null": {},
    '{"a": 1, "b": {"c": [null, true, "d"]}}': {"a": 1, "b": {"c": [None, True, "d"]}},
    ' {"a": 1}\n': {"a": 1},
    '{"a": "two\nlines\tand a tab"}': {"a": "two\nlines\tand a tab"},
    r'"{\"a\": 1}"': {"a": 1},
    '{"a": 1, "a": 2}': {"a": 2},
    r'{"a": "\ud83d"}': {"a": "\ud83d"},
    '{"a": 1e400}': {"a": float("inf")},
    "[]": None,
    "[1]": None,
    "7": None,
    "true": None,
    '"text"': None,
    r'"[1]"': None,
    "text": None,
    "{'a': 1}": None,
    '{"a": 1,}': None,
    '```json\n{"a": 1}\n```': None,
    '{"a": 1} and more': None,
    '{"a": 1}{"a": 2}': None,
    '{"a": 1}}': None,
    "{" * 500: None,
    # Python 3.12 and newer read such brackets.
    **({'{"a": ' * 1200 + "1" + "}" * 1200: None} if sys.version_info < (3, 12) else {}),
    '{"a": ' + "1" * 5000 + "}": None,
    "nul": None,
    "\ufeff{}": None,
}
"""The arguments of a call as a model wrote them, and what they mean; None for those with which no call is made."""
