"""The client's check, files that rows are added to, and the engine agree on what a training file is."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmengine_integrations._shared import training_rows
from llmengine_integrations.core.training.checks import check_training_file
from llmengine_integrations.datasets import TrainingFile
from llmengine_integrations.engine.tuning.dataset import DatasetError, MissingColumnsError, read_rows
from llmengine_integrations.errors import InvalidArgumentError, TrainingDataError

HEADER = b"prompt,response\n"
PAIR = b'{"prompt":"a","response":"b"}\n'
LIMIT = 4 * 1024 * 1024

FIT = {
    "csv": (HEADER + b"a,b\n", 1),
    "csv, other columns": (b"x,output,input\n1,b,a\n", 1),
    "csv, lines end with CR LF": (b"prompt,response\r\na,b\r\n", 1),
    "csv, lines end with CR": (b"prompt,response\ra,b\r", 1),
    "csv, no end": (HEADER + b"a,b", 1),
    "csv, empty lines": (HEADER + b"\n\na,b\n\n", 1),
    "csv, quotes": (HEADER + b'"a ""b"", c\nd",e\n', 1),
    "csv, longest cell": (HEADER + b"a" * 131_072 + b",b\n", 1),
    "csv, line separators": (HEADER + "a\u2028\x85\x0b,b\n".encode(), 1),
    "csv, 100 rows": (HEADER + b"a,b\n" * 100, 100),
    "jsonl": (PAIR * 2, 2),
    "jsonl, both pairs": (b'{"input":"a","output":"b","prompt":"","response":1}\n'.replace(b'""', b'"c"').replace(b"1", b'"d"'), 1),
    "jsonl, space": (b"\t " + PAIR + b"\n \n", 1),
    "jsonl, NaN": (b'{"prompt":"a","response":"b","x":NaN}\n', 1),
    "jsonl, pair of surrogates": (b'{"prompt":"\\ud83d\\ude00","response":"b"}\n', 1),
    "jsonl, NUL": (b'{"prompt":"a\\u0000","response":"b"}\n', 1),
    "jsonl, name like an escape": (b'{"prompt":"\\\\ud83d","response":"b"}\n', 1),
    "jsonl, cell beyond what CSV takes": (b'{"prompt":"' + b"a" * 200_000 + b'","response":"b"}\n', 1),
    "jsonl, 100 rows": (PAIR * 100, 100),
}  # fmt: skip
UNFIT = {
    "empty": (b"", None, "has nothing"),
    "csv, header only": (HEADER, None, "no rows"),
    "csv, other header": (b"a,b\n1,2\n", 1, "must have the columns"),
    "csv, column twice": (b"prompt,response,prompt\na,b,c\n", 1, "twice"),
    "csv, second column twice": (b"output,input,output\na,b,c\n", 1, "twice"),
    "csv, BOM": (b"\xef\xbb\xbf" + HEADER + b"a,b\n", 1, "byte order mark"),
    "csv, UTF-16": ((HEADER + b"a,b\n").decode().encode("utf-16"), 1, "UTF-16"),
    "csv, UTF-16 without a mark": ((HEADER + b"a,b\n").decode().encode("utf-16-le"), 1, "NUL"),
    "csv, bytes in the header": (b"prompt,response,\xff\na,b,c\n", 1, "not valid UTF-8"),
    "csv, bytes in a column that is not used": (b"prompt,response,x\na,b,\xff\n", 2, "not valid UTF-8"),
    "csv, encoded half of a pair": (HEADER + b"a,\xed\xa0\xbd\n", 2, "not valid UTF-8"),
    "csv, NUL": (HEADER + b"a,b\na\0,b\n", 3, "NUL"),
    "csv, NUL in quotes": (HEADER + b'a,b\n"a\n\0",b\n', 3, "NUL"),
    "csv, too few cells": (HEADER + b"a\n", 2, "1 cells"),
    "csv, too many cells": (HEADER + b"a,b,c\n", 2, "3 cells"),
    "csv, only commas": (HEADER + b",\n", 2, "empty"),
    "csv, blank cell": (HEADER + b'a,"\n \t"\n', 2, "empty"),
    "csv, open quotes": (HEADER + b'a,b\n"a,b\n', 3, "unexpected end"),
    "csv, text after quotes": (HEADER + b'"a"x,b\n', 2, "expected after"),
    "csv, longer cell": (HEADER + b"a" * 131_073 + b",b\n", 2, "field limit"),
    "csv, longer cell in quotes": (HEADER + b'"' + b"a\n" * 70_000 + b'",b\n', 2, "field limit"),
    "csv, long line": (b"x" * LIMIT, 1, "4,194,304 characters"),
    "csv, 101 rows": (HEADER + b"a,b\n" * 101, 102, "more than 100 rows"),
    "csv, leading line": (b"\n" + HEADER + b"a,b\n", 1, "has nothing"),
    "jsonl, BOM": (b"\xef\xbb\xbf" + PAIR, 1, "byte order mark"),
    "jsonl, half a pair": (b'{"prompt":"\\ud800","response":"a"}\n', 1, "half a surrogate"),
    "jsonl, other half": (PAIR + b'{"prompt":"a","response":"\\udE00"}\n', 2, "half a surrogate"),
    "jsonl, half in a name": (PAIR[:-2] + b',"\\udfff":1}\n', 1, "half a surrogate"),
    "jsonl, half deep inside": (PAIR[:-2] + b',"x":[{"y":"\\udc80"}]}\n', 1, "half a surrogate"),
    "jsonl, bytes": (PAIR + b'{"prompt":"\xff","response":"b"}\n', 2, "not valid UTF-8"),
    "jsonl, raw NUL": (PAIR + b'{"prompt":"a\0","response":"b"}\n', 2, "not valid JSON"),
    "jsonl, other pair later": (PAIR + b'{"input":"a","output":"b"}\n', 2, "must have prompt and response"),
    "jsonl, other keys": (b'{"x":1}\n', 1, "must have prompt and response, or input and output"),
    "jsonl, list": (PAIR + b"[1]\n", 2, "not a JSON object"),
    "jsonl, number": (b'{"prompt":1,"response":"b"}\n', 1, "must be a string"),
    "jsonl, null": (PAIR + b'{"prompt":"a","response":null}\n', 2, "must be a string"),
    "jsonl, blank": (PAIR + b'{"prompt":"a","response":"\\u00a0"}\n', 2, "empty"),
    "jsonl, huge number": (PAIR[:-2] + b',"x":' + b"9" * 5000 + b"}\n", 1, "not valid JSON"),
    "jsonl, deep": (b'{"prompt":' + b"[" * 100_000 + b"\n", 1, "not valid JSON"),
    "jsonl, long line": (PAIR + PAIR[:-1] + b" " * LIMIT, 2, "4,194,304 characters"),
    "jsonl, 101 rows": (PAIR * 101, 101, "more than 100 rows"),
}
GROWING = ("empty", "csv, header only", "csv, 101 rows", "jsonl, 101 rows")
"""What only a file that is still being added to may be."""


@pytest.fixture(autouse=True)
def few_rows(monkeypatch):
    monkeypatch.setattr(training_rows, "MAX_ROWS", 100)


def engine(content: bytes) -> int | str:
    try:
        return sum(1 for _ in read_rows(io.BytesIO(content)))
    except DatasetError as error:
        return str(error)


def client(content: bytes) -> int | str:
    try:
        return check_training_file(content).rows
    except TrainingDataError as error:
        return str(error.problems[0])


def in_place(content: bytes, kind: str, tmp_path) -> int | str:
    path = tmp_path / f"train.{kind}"
    path.write_bytes(content)
    try:
        return sum(1 for _ in TrainingFile(path))
    except TrainingDataError as error:
        return str(error.problems[0])


@pytest.mark.parametrize("name", FIT)
def test_fit_files(name, tmp_path):
    content, rows = FIT[name]
    assert (client(content), engine(content), in_place(content, name.split(",")[0], tmp_path)) == (rows, rows, rows)


@pytest.mark.parametrize("name", UNFIT)
def test_unfit_files(name, tmp_path):
    content, row, words = UNFIT[name]
    said = client(content)
    assert isinstance(said, str)
    assert words in said
    assert row is None or said.startswith(f"row {row}")
    assert engine(content) == said
    if name not in GROWING:
        assert in_place(content, name.split(",")[0], tmp_path) == said


def test_files_that_are_still_added_to(tmp_path):
    assert [in_place(UNFIT[name][0], name.split(",")[0].replace("empty", "csv"), tmp_path) for name in GROWING] == [
        0,
        0,
        101,
        101,
    ]


@pytest.mark.parametrize(("content", "missing"), [(b"a,b\n1,2\n", True), (b'{"x":1}\n', True), (PAIR + b"{}\n", False)])
def test_the_engine_knows_a_file_without_the_columns(content, missing):
    with pytest.raises(DatasetError) as caught:
        list(read_rows(io.BytesIO(content)))
    assert isinstance(caught.value, MissingColumnsError) is missing


def test_a_larger_field_limit_of_the_process_makes_no_difference():
    before = csv.field_size_limit(10_000_000)
    try:
        assert client(UNFIT["csv, longer cell"][0]) == engine(UNFIT["csv, longer cell"][0])
        assert "field limit (131072)" in str(client(UNFIT["csv, longer cell"][0]))
    finally:
        csv.field_size_limit(before)


PIECES = st.sampled_from(
    ['"', ",", "\n", "\r", "\r\n", "a", "prompt", "response", "{", "}", ":", '"prompt":', '"response":', '"a"', " ", "\t",
     "\0", "\ufeff", "input", "output", "\\u0000", "\\ud83d", "[", "]", "1", "prompt,response\n", PAIR.decode()]
)  # fmt: skip


@settings(max_examples=500)
@given(
    st.sampled_from(["prompt,response\n", "input,output\n", PAIR.decode(), "", "prompt,response,x\n"]),
    st.lists(PIECES, max_size=14),
)
def test_any_file_is_the_same_to_both(head, pieces):
    content = (head + "".join(pieces)).encode()
    assert client(content) == engine(content)


TEXTS = st.text(alphabet=st.sampled_from("ab \n\r\",\0\ud83d\ude00\u2028\x85{}\\'"), max_size=6)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=4), st.sampled_from(["csv", "jsonl"]))
def test_what_is_appended_is_fit(rows, kind):
    with tempfile.TemporaryDirectory() as folder:
        file = TrainingFile(Path(folder) / f"train.{kind}")
        try:
            added = file.append(rows)
        except InvalidArgumentError:
            added = 0
        if added:
            content = file.path.read_bytes()
            assert (client(content), engine(content), len(list(file))) == (added, added, added)
        else:
            assert not file.path.exists()


def test_a_row_that_is_too_long_is_not_appended(tmp_path):
    for kind, size in (("csv", 131_073), ("jsonl", LIMIT)):
        file = TrainingFile(tmp_path / f"train.{kind}")
        with pytest.raises(InvalidArgumentError, match="characters at most"):
            file.append([("a" * size, "b")])
        assert not file.path.exists()
