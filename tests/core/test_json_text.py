"""The reader of a file's text, against the standard library's JSON, for every way to cut a body: its answers hang on no cut."""

from __future__ import annotations

import json
from itertools import combinations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from llmengine_integrations.core.streams.file_content import JsonText
from llmengine_integrations.errors import InvalidResponseError

SHARP = st.sampled_from(
    ['"', "\\", "u", "\\u", "n", "/", "00e9", "d83d", "é", "😀", "\n", "\u2028", "a", "{", "]", ",", ":"]
)
TEXTS = st.lists(SHARP, max_size=12).map("".join)


@st.composite
def bodies(draw) -> str:
    """Objects with a text called `content`, spelled in every way that JSON has, among other members."""
    spelled = "".join(draw(st.sampled_from(spellings(character))) for character in draw(TEXTS))
    before = draw(st.dictionaries(TEXTS.filter(lambda name: name != "content"), TEXTS | st.just("content"), max_size=2))
    after = draw(
        st.dictionaries(TEXTS.filter(lambda name: name != "content"), st.just([{"content": "no"}]), max_size=1)
    )
    space = draw(st.sampled_from(["", " ", "\n\t"]))
    members = [f"{json.dumps(name)}:{json.dumps(value)}" for name, value in before.items()]
    members += [f'"content"{space}:{space}"{spelled}"']
    members += [f"{json.dumps(name)}:{json.dumps(value)}" for name, value in after.items()]
    return "{" + ",".join(members) + "}"


def spellings(character: str) -> list[str]:
    units = character.encode("utf-16-be")
    escaped = "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
    plain = json.dumps(character, ensure_ascii=False)[1:-1]
    return [plain, escaped, escaped.upper().replace("\\U", "\\u"), *(["\\/"] if character == "/" else [])]


def wanted(body: bytes) -> bytes | None:
    """By definition: what the standard library makes of the whole; None if it is no such object."""
    try:
        content = json.loads(body.decode(), strict=False)["content"]
        return content.encode()
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def read(body: bytes, cuts: tuple[int, ...]) -> bytes | None:
    reader, text, start = JsonText(), b"", 0
    try:
        for end in (*cuts, len(body)):
            text += reader.feed(body[start:end])
            start = end
        reader.end()
    except InvalidResponseError:
        return None
    return text


def every_way(body: bytes):
    """Whole, in two, in three, and byte by byte."""
    yield tuple(range(1, len(body)))
    for count in range(3 if len(body) < 40 else 2):
        yield from combinations(range(1, len(body)), count)


@settings(deadline=None, max_examples=40)
@given(bodies())
@example('{"content":"' + r"abc\u00e9\\\"\ud83d\ude00\/" + '"}')
def test_the_text_comes_back_however_it_is_cut(body):
    raw = body.encode()
    content = wanted(raw)
    assert content is not None
    assert {read(raw, cuts) for cuts in every_way(raw)} == {content}


@settings(deadline=None, max_examples=60)
@given(bodies(), st.data())
@example(r'{"content":"\u00"}', None)
@example(r'{"content":"\ud83d"}', None)
@example(r'{"content":"\ud83d\n"}', None)
@example(r'{"content":"\x"}', None)
@example('{"content":"abc\\"}', None)
def test_a_spoilt_body_is_refused_however_it_is_cut(body, data):
    raw = body.encode()
    if data is not None:
        at = data.draw(st.integers(raw.index(b'"content"'), len(raw) - 1))
        raw = raw[:at] + data.draw(st.sampled_from([b"", b"\\", b'"', b"\\u", b"\xff"])) + raw[at + 1 :]
    assert {read(raw, cuts) for cuts in every_way(raw)} == {wanted(raw)}


MANY = 1_000_000


@pytest.mark.parametrize(
    "body",
    [
        '{"content":"' + "\\n" * MANY,
        '{"content":"' + '\\"' * MANY,
        '{"content":"' + "\\\\" * MANY,
        '{"' + '\\"' * MANY,
        '{"content":' + " " * MANY,
        "[" * MANY,
        '"",' * MANY,
        '"content"' * MANY,
    ],
    ids=["escapes", "quotes", "backslashes", "a-name", "spaces", "brackets", "strings", "names"],
)
@pytest.mark.parametrize("size", [64 * 1024, 16 * MANY])
def test_a_hostile_body_is_read_in_linear_time(body, size):
    """Work that grew with the square of the size would not end within the test's time limit."""
    assert read(body.encode(), tuple(range(size, len(body), size))) is None


def test_a_hostile_head_that_comes_byte_by_byte_is_read_in_linear_time():
    for head in ('{"' + '\\"' * 30_000, "[" * 60_000, '{"content":' + " " * 60_000):
        reader = JsonText()
        assert not any(map(reader.feed, (bytes([byte]) for byte in head.encode())))
