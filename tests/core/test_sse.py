"""The decoder of server-sent events: the same events for every way the bytes may arrive in."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llmengine_integrations.core.streams.sse import SSEDecoder

ENDS = [b"\n", b"\r", b"\r\n"]
LINE = st.text(
    alphabet=st.one_of(
        st.sampled_from([":", " ", "\ufeff", "\u2028", "\x85", "\x0b", "\x1c", "é", "😀", "{", "}"]),
        st.characters(blacklist_categories=["Cs"], blacklist_characters="\r\n"),
    ),
    max_size=12,
)
FIELD = st.sampled_from(["data: ", "data:", "data", "event: ", "id: ", ":", ": ", ""])
TEXT = st.lists(st.tuples(st.builds(lambda f, t: (f + t).encode(), FIELD, LINE), st.sampled_from(ENDS)), max_size=12)


def decode(*chunks: bytes) -> list[bytes]:
    decoder = SSEDecoder()
    return [event for chunk in chunks for event in decoder.feed(chunk)]


def reference(text: bytes) -> list[bytes]:
    """The standard's algorithm, word for word, on the whole text at once."""
    text = text.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    *lines, _incomplete = text.split(b"\n")
    events, data = [], b""
    for line in lines:
        name, _, value = line.partition(b":")
        if not line:
            if data and data != b"\n":
                events.append(data.removesuffix(b"\n"))
            data = b""
        elif name == b"data":
            data += value.removeprefix(b" ") + b"\n"
    return events


@given(TEXT, st.data())
def test_every_chunking_gives_the_events_of_the_standard(lines, data):
    text = b"".join(line + end for line, end in lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    chunks = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert decode(*chunks) == reference(text)


@given(TEXT)
@example([(b"\xef\xbb\xbfdata: x", b"\r\n"), (b"", b"\r\n")])
@example([(b"data: \xf0\x9f\x98\x80", b"\r"), (b"", b"\r")])
def test_byte_by_byte_gives_the_same_events(lines):
    text = b"".join(line + end for line, end in lines)
    assert decode(*(text[i : i + 1] for i in range(len(text)))) == reference(text) == decode(text)


@given(
    st.lists(st.tuples(st.sampled_from([b"data: ", b"data:", b"", b": ", b"x"]), LINE.map(str.encode)), max_size=6),
    st.lists(st.sampled_from(ENDS), min_size=1, max_size=3),
    st.data(),
)
def test_chunks_of_whole_events_beside_others(fields, ends, data):
    """Whole events of one line take a way of their own; what comes before and after them must not confuse it."""
    chunks: list[bytes] = []
    for index, (field, value) in enumerate(fields):
        end = ends[index % len(ends)]
        line = field + value + end * data.draw(st.sampled_from([2, 2, 2, 0, 1, 3]))
        chunks += [line] if not chunks or data.draw(st.booleans()) else [chunks.pop() + line]
    assert decode(*chunks) == reference(b"".join(chunks))


@pytest.mark.parametrize(
    "before", [b"x", b"data: a\n", b"data: a\n\nda", b"event: x\n", b"data: a\r", b"data: a\n\nx", b""]
)
def test_whole_events_after_a_part_of_one(before):
    chunk = b"data: b\n\ndata: c\n\n"
    assert decode(before, chunk, chunk) == reference(before + chunk + chunk)


@pytest.mark.parametrize("end", ENDS)
def test_line_endings(end):
    assert decode(end.join([b"data: a", b"data: b", b"", b"data:c", b"", b""])) == [b"a\nb", b"c"]


@pytest.mark.parametrize("end", ENDS)
def test_an_event_is_out_as_soon_as_its_last_line_ends(end):
    decoder = SSEDecoder()
    assert list(decoder.feed(b"data: a" + end + end)) == [b"a"]
    assert list(decoder.feed(b"data: b" + end + end)) == [b"b"]


def test_a_cr_at_the_end_of_a_chunk_may_be_half_a_crlf():
    assert decode(b"data: a\r", b"\n\r", b"\ndata: b\r", b"", b"\n\r\n") == [b"a", b"b"]


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\0"])
def test_what_python_takes_for_line_ends_is_text(separator):
    event = f'{{"text": "a{separator}b"}}'.encode()
    assert decode(b"data: " + event + b"\r\n\r\n") == [event]


def test_comments_and_other_fields_are_skipped():
    assert decode(b": ping\r\n\r\nevent: x\nid: 1\nretry: 9\ndata: a\n:\ndatabase: no\n data: no\n\n") == [b"a"]


def test_only_one_space_and_only_the_first_is_dropped():
    assert decode(b"data:  a \ndata:b\n\n") == [b" a \nb"]


def test_a_byte_order_mark_is_dropped_at_the_start_only():
    mark = b"\xef\xbb\xbf"
    assert decode(mark[:1], mark[1:] + b"data: a\n\n" + mark + b"data: b\n\ndata: " + mark + b"c\n\n") == [
        b"a",
        mark + b"c",
    ]


@pytest.mark.parametrize("tail", [b"data: b", b"data: b\n", b"data: b\r\n", b"data: b\r"])
def test_an_event_that_the_stream_ends_in_is_never_out(tail):
    assert decode(b"data: a\n\n" + tail) == [b"a"]


def test_events_without_data_are_none():
    assert decode(b"\n\n\nevent: x\n\ndata\n\ndata:\n\ndata: a\n\n") == [b"a"]


def test_a_long_line_costs_its_length_and_not_its_square():
    """Each chunk of a line is kept as it is until the line ends; then they are joined once."""
    decoder = SSEDecoder()
    chunks = [b"data: "] + [b"x" * 100] * 1000
    for chunk in chunks:
        assert list(decoder.feed(chunk)) == []
    assert decoder._parts == chunks
    assert all(kept is fed for kept, fed in zip(decoder._parts, chunks, strict=True))
    assert list(decoder.feed(b"\n\n")) == [b"x" * 100_000]
    assert decoder._parts == []
