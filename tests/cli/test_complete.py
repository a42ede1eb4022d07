from __future__ import annotations

import json
import math

import pytest

pytestmark = pytest.mark.engine

PROMPT = "Maria lives in Valencia.\nQuestion: Where does Maria live?\nAnswer:"


def test_it_streams_the_text(run):
    result = run("complete", PROMPT, "-t", 0)
    assert (result.exit_code, result.stdout, result.stderr) == (0, " Valencia.\n", "")


def test_the_prompt_may_be_piped_in(run):
    assert run("complete", "-t", 0, "--no-stream", stdin=PROMPT).stdout == " Valencia.\n"


def test_json_of_a_stream_is_an_event_a_line(run):
    events = [json.loads(line) for line in run("complete", PROMPT, "-t", 0, "--json").stdout.splitlines()]
    assert "".join(event["output"]["text"] for event in events) == " Valencia."
    assert [event["output"]["finished"] for event in events] == [False] * (len(events) - 1) + [True]


def test_json_of_the_whole_is_one_document(run):
    result = run("--json", "complete", PROMPT, "-t", 0, "--no-stream", "--logprobs")
    output = json.loads(result.stdout)["output"]
    assert output["text"] == " Valencia."
    assert len(output["tokens"]) == output["num_completion_tokens"]


@pytest.mark.parametrize("how", [[], ["--no-stream"]])
def test_logprobs_into_a_pipe_are_a_token_a_line(run, how):
    rows = [line.split("\t") for line in run("complete", PROMPT, "-t", 0, "--logprobs", *how).stdout.splitlines()]
    assert "".join(json.loads(token) for _, _, token in rows).startswith(" Valencia.")
    for log_prob, probability, _ in rows:
        assert float(probability.rstrip("%")) == pytest.approx(100 * math.exp(float(log_prob)), abs=0.1)


@pytest.mark.parametrize(
    ("options", "texts"),
    [
        (["--stop", "enc"], {" Val\n"}),
        (["--stop", "enc", "--include-stop"], {" Valenc\n"}),
        (["--max-new-tokens", 1], {" \n"}),
        (["--guided-choice", "yes", "--guided-choice", "no"], {"yes\n", "no\n"}),
        (["--guided-regex", "[0-9]{3}"], None),
        (["--guided-json", '{"type": "integer"}', "-n", 3], None),
        (["--keep-special-tokens"], {" Valencia.\n"}),
        (["--presence-penalty", 1, "--frequency-penalty", 1, "-t", 1, "--top-k", 1, "--top-p", 0.5], None),
    ],
)
def test_options_reach_the_model(run, options, texts):
    result = run("complete", PROMPT, "-t", 0, *options)
    assert result.exit_code == 0, result.stderr
    assert texts is None or result.stdout in texts
    if "--guided-regex" in options:
        assert result.stdout.strip().isdigit()


def test_a_grammar_from_a_file(run, tmp_path):
    (tmp_path / "grammar.txt").write_text('root ::= "left" | "right"')
    assert run("complete", "Which way?", "--guided-grammar", f"@{tmp_path}/grammar.txt").stdout in {"left\n", "right\n"}


def test_tokens_are_shaded_on_a_terminal(terminal):
    with terminal("complete", PROMPT, "-t", "0", "--logprobs") as shown:
        code, plain = shown.end()
        assert code == 0
        assert " Valencia." in plain
        assert "Lowest probability of each shade" in plain
        assert "\x1b[38;5;16m\x1b[48;5;120mal\x1b[0m" in shown.screen


def test_without_colours_a_terminal_shows_numbers(terminal):
    with terminal("complete", PROMPT, "-t", "0", "--logprobs", variables={"NO_COLOR": "1"}) as shown:
        assert '%\t"al"' in shown.end()[1].expandtabs(1).replace(" ", "\t")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-t", "3"], "3.0 is not in the range"),
        (["--guided-json", "{"], "it is not valid JSON"),
        (["--guided-json", "[]"], "it must be a JSON object"),
        (["--guided-json", "@nowhere.json"], "nowhere.json: No such file or directory"),
        (["--guided-regex", "a", "--guided-choice", "b"], "--guided-regex and --guided-choice cannot be combined"),
    ],
)
def test_wrong_usage(run, options, message):
    result = run("complete", PROMPT, *options)
    assert (result.exit_code, message in result.stderr) == (2, True), result.stderr


def test_no_prompt(terminal):
    with terminal("complete") as shown:
        code, plain = shown.end()
    assert code == 2
    assert "Give a prompt, or pipe one in." in plain


def test_several_models_and_none_named(run):
    result = run("complete", PROMPT, LLM_ENGINE_MODEL=None)
    assert result.exit_code == 2
    assert "Which model?" in result.stderr
    assert "llama-2-7b" in result.stderr


def test_what_the_server_refuses(run):
    result = run("complete", PROMPT, "-t", 0, "--top-k", 3)
    assert result.exit_code == 1
    assert result.stderr == "Error: 400: top_k and top_p can't be enabled when temperature is 0.\n"
