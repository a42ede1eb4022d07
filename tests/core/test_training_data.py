"""Which files are fit for fine-tuning, and what is said of those that are not."""

from __future__ import annotations

import io
import json
import pickle
import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llmengine_integrations.core.training.checks import MAX_PROBLEMS, MAX_ROWS, TrainingData, check_training_file
from llmengine_integrations.errors import InvalidArgumentError, TrainingDataError

HEADER = "prompt,response\n"
NO_COLUMNS = "row 1: The header must have the columns prompt and response, or input and output; it has "


def problems(content: str | bytes) -> list[str]:
    with pytest.raises(TrainingDataError) as caught:
        check_training_file(content if isinstance(content, bytes) else content.encode())
    return [str(problem) for problem in caught.value.problems]


def lines(*values: object) -> str:
    return "".join(f"{json.dumps(value)}\n" for value in values)


PAIR = {"prompt": "a", "response": "b"}


@pytest.mark.parametrize(
    ("content", "kind", "columns", "rows"),
    [
        (HEADER + "a,b\n", "csv", ("prompt", "response"), 1),
        ("x,output,input\n1,b,a\n", "csv", ("input", "output"), 1),
        (HEADER + 'a,"b, ""c""\nd"\n\nwörld,😀', "csv", ("prompt", "response"), 2),
        (HEADER.strip() + "\r\na,b\r\n", "csv", ("prompt", "response"), 1),
        (lines(PAIR, PAIR), "jsonl", ("prompt", "response"), 2),
        (lines({"input": "a", "output": "b", "x": 1}) + "\n \n", "jsonl", ("input", "output"), 1),
        (" " + lines(PAIR).replace("\n", "\r\n"), "jsonl", ("prompt", "response"), 1),
    ],
)
def test_fit_files(content, kind, columns, rows):
    few = f"The file has {rows} row{'s' if rows > 1 else ''}; 200 or more are advised."
    assert check_training_file(content.encode()) == TrainingData(kind, columns, rows, (few,))


def test_two_hundred_rows_are_enough():
    assert check_training_file((HEADER + "a,b\n" * 200).encode()).warnings == ()
    assert check_training_file((HEADER + "a,b\n" * 199).encode()).warnings != ()
    assert check_training_file(lines(*[PAIR] * 200).encode()).warnings == ()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", [NO_COLUMNS + "nothing."]),
        (HEADER, ["The file has no rows."]),
        ("a,b\n1,2\n", [NO_COLUMNS + "'a', 'b'."]),
        ("Prompt,Response\n1,2\n", [NO_COLUMNS + "'Prompt', 'Response'."]),
        ("prompt,output\n1,2\n", [NO_COLUMNS + "'prompt', 'output'."]),
        ("prompt,response,prompt\na,b,c\n", ["row 1, column prompt: The column is there twice."]),
        (HEADER + "a,b\n,b\na, \n", ["row 3, column prompt: The cell is empty.", "row 4, column response: The cell is empty."]),
        (HEADER + "\n\na,\n", ["row 4, column response: The cell is empty."]),
        (HEADER + '"two\nlines",b\na,\n', ["row 3, column response: The cell is empty."]),
        (HEADER + "a\na,b,c\n", [
            "row 2: The row has 1 cells, the header 2; quote cells that have commas.",
            "row 3: The row has 3 cells, the header 2; quote cells that have commas.",
        ]),
        (HEADER + 'a,b\n"a,b\nc,d\n', ["row 3: The row cannot be read: unexpected end of data."]),
        (HEADER + '"a"x,b\n', ["row 2: The row cannot be read: ',' expected after '\"'."]),
        (HEADER + "a," + "x" * 140_000, ["row 2: The row cannot be read: field larger than field limit (131072)."]),
        (HEADER + "x" * 5_000_000, ["row 2: The row cannot be read: a line has 4,194,304 characters or more."]),
        ("\ufeff" + HEADER + "a,b\n", ["row 1: The file begins with a byte order mark, which hides its first column; save it without."]),
        ("\ufeff" + lines(PAIR), ["row 1: The file begins with a byte order mark, which hides its first column; save it without."]),
        ((HEADER + "a,b\n").encode("utf-16"), ["row 1: The file is UTF-16; save it as UTF-8."]),
        ((HEADER + "a,b\n").encode("utf-16-be"), ["row 1: The file has NUL characters, as UTF-16 has; save it as UTF-8."]),
        ((HEADER + "a,b\ncaf\u00e9,b\nc,d\n").encode("latin-1"), ["row 3: The row is not valid UTF-8."]),
        (lines(PAIR).encode() + b'{"prompt": "\xff", "response": "b"}\n', ["row 2: The row is not valid UTF-8."]),
        (lines(PAIR, {"input": "a", "output": "b"}), ["row 2: The row must have prompt and response; it has 'input', 'output'."]),
        (lines({"x": 1}, {}), [
            "row 1: The row must have prompt and response, or input and output; it has 'x'.",
            "row 2: The row must have prompt and response, or input and output; it has nothing.",
        ]),
        (lines(PAIR, [1], "a", None), [f"row {row}: The row is not a JSON object." for row in (2, 3, 4)]),
        (
            lines(PAIR) + "\n{oops\n",
            ["row 3: The row is not valid JSON: Expecting property name enclosed in double quotes at character 2."],
        ),
        (lines({"prompt": 1, "response": None}, {"prompt": "", "response": " "}), [
            "row 1, column prompt: The value must be a string, not int.",
            "row 1, column response: The value must be a string, not NoneType.",
            "row 2, column prompt: The value is empty.",
            "row 2, column response: The value is empty.",
        ]),
    ],
)  # fmt: skip
def test_what_is_wrong(content, said):
    assert problems(content) == said


def test_json_that_python_gives_up_on():
    (problem,) = problems('{"prompt": ' + "[" * 100_000)
    assert problem.startswith("row 1: The row is not valid JSON: maximum recursion depth exceeded")
    (problem,) = problems('{"prompt": ' + "1" * 5000 + "}")
    assert "row 1: The row is not valid JSON" in problem


@pytest.mark.parametrize("row", ["a,b\n", lines(PAIR)])
def test_a_hundred_thousand_rows_and_no_more(row):
    header = HEADER if row == "a,b\n" else ""
    assert check_training_file((header + row * MAX_ROWS).encode()).rows == MAX_ROWS
    (problem,) = problems(header + row * (MAX_ROWS + 2))
    assert problem.endswith("The file has more than 100,000 rows.")
    assert problem.startswith(f"row {MAX_ROWS + 1 + bool(header)}:")


@pytest.mark.parametrize("row", ["a,\n", lines({"prompt": "a", "response": ""})])
def test_the_list_of_problems_ends(row):
    header = HEADER if row == "a,\n" else ""
    assert len(problems(header + row * 1000)) == MAX_PROBLEMS


def test_the_error():
    with pytest.raises(TrainingDataError) as caught:
        check_training_file((HEADER + "a,\n" * 7).encode())
    error = caught.value
    assert isinstance(error, InvalidArgumentError)
    first = error.problems[0]
    assert (first.row, first.column, first.message) == (2, "response", "The cell is empty.")
    assert str(error).endswith("And 2 more problems.")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (str(again), again.problems) == (str(error), error.problems)


def test_sources(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text("skipped\n" + HEADER + "a,é\n", "utf-8")
    for file in (path.open("rb"), path.open(encoding="utf-8"), io.StringIO(path.read_text("utf-8"))):
        with file:
            file.readline()
            where = file.tell()
            assert check_training_file(file).rows == 1
            assert file.tell() == where
    path.write_text(HEADER + "a,é\n", "latin-1")
    with path.open(encoding="latin-1") as file:
        assert check_training_file(file).rows == 1
    with pytest.raises(TrainingDataError, match=r"^train\.csv is not fit"):
        check_training_file(path)
    with pytest.raises(FileNotFoundError):
        check_training_file(tmp_path / "none")


@given(st.binary(max_size=300))
@example(b'"')
@example(b"{")
@example(b"prompt,response\n\xff\xff\r\r\n\0,\x85\n")
@example(b'{"prompt":"\\ud800","response":"a"}')
def test_any_bytes_are_fit_or_the_typed_error(content):
    try:
        found = check_training_file(content)
    except TrainingDataError as error:
        assert error.problems  # noqa: PT017 - either is fine
        str(error).encode()
    else:
        assert found.rows


CELL = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=20), st.sampled_from(["csv", "jsonl"]))
def test_what_python_writes_is_read(pairs, kind):
    import csv  # noqa: PLC0415 - beside what it writes

    text = io.StringIO(newline="")
    if kind == "csv":
        csv.writer(text, quoting=csv.QUOTE_ALL).writerows([("prompt", "response"), *pairs])
    else:
        text.write(lines(*({"prompt": first, "response": second} for first, second in pairs)))
    empty = [
        (row, column)
        for row, pair in enumerate(pairs, start=2 if kind == "csv" else 1)
        for column, cell in zip(("prompt", "response"), pair, strict=True)
        if not cell.strip()
    ]
    try:
        found = check_training_file(text.getvalue().encode())
    except TrainingDataError as error:
        assert [(problem.row, problem.column) for problem in error.problems] == empty  # noqa: PT017 - as above
    else:
        assert found.rows == len(pairs)
        assert not empty


def test_memory_stays_small():
    class Endless(io.RawIOBase):
        """A line without an end."""

        def readable(self):
            return True

        def seek(self, *_):
            return 0

        def tell(self):
            return 0

        def read(self, count=-1):
            return b"x" * count

    tracemalloc.start()
    try:
        with pytest.raises(TrainingDataError):
            check_training_file(Endless())
        assert tracemalloc.get_traced_memory()[1] < 32_000_000
    finally:
        tracemalloc.stop()
