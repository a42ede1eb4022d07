from __future__ import annotations

import json

import pytest

from llmengine_integrations.cli.options import batch_input

pytestmark = pytest.mark.engine


@pytest.fixture
def out(engine_folder):
    path = engine_folder / "cli-batch.json"
    yield path
    path.unlink(missing_ok=True)


def test_prompts_from_a_pipe(run, out, tmp_path):
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("Hello\n\nThe capital of France is\n")
    done = run("batch", "create", "-", "-o", out, "-n", 4, "-t", 0, "--wait", stdin=prompts.read_text())
    assert done.exit_code == 0, done.stderr
    job_id, completed = done.stdout.splitlines()
    assert completed == f"Completed: {out}"
    assert run("batch", "wait", job_id).stdout == f"Completed: {out}\n"
    assert f"output     {out}\n" in run("batch", "get", job_id).stdout
    assert json.loads(run("batch", "get", job_id, "--json").stdout)["status"] == "completed"
    rows = [line.split("\t") for line in run("batch", "results", out, "--prompts", prompts).stdout.splitlines()]
    assert [row[:2] for row in rows] == [["0", "Hello"], ["1", "The capital of France is"]]
    results = json.loads(run("batch", "results", out, "--json").stdout)
    assert [result["index"] for result in results] == [0, 1]
    assert all(result["text"] and result["error"] is None for result in results)


def test_chat_requests_go_to_v2(run, out, tmp_path):
    requests = tmp_path / "requests.jsonl"
    requests.write_text('{"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4}\n')
    done = run("batch", "create", requests, "-o", out, "--wait", "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "completed"
    assert json.loads(run("batch", "results", out, "--json").stdout)[0]["output"]["object"] == "chat.completion"


def test_a_job_is_cancelled(run, out, tmp_path):
    prompts = tmp_path / "prompts.json"
    prompts.write_text(json.dumps(["Hello"] * 200))
    job_id = run("batch", "create", prompts, "-o", out, "-n", 100).stdout.strip()
    assert run("batch", "cancel", job_id, "-y").stdout == f"Cancelled {job_id}.\n"
    assert run("batch", "wait", job_id).exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["create", "-o", "x"], 2, "Give either PROMPTS or --input."),
        (["create", "--input", "x", "-n", "3", "-o", "x"], 2, "Leave out --max-new-tokens and the like"),
        (["create", "nowhere.txt", "-o", "x"], 1, "nowhere.txt: No such file or directory"),
        (["create", "-", "-o", "x"], 2, "standard input is empty; it must contain prompts."),
        (["results", "/dev/null"], 1, "/dev/null is not valid JSON: EOF while parsing a value at line 1 column 0.\n"),
        (["get", "nobody"], 1, "Batch completion nobody not found"),
        (["wait", "nobody"], 1, "not found"),
        (["cancel", "nobody", "-y"], 1, "There is no batch job 'nobody' to cancel"),
        (["results", "nowhere.json"], 1, "nowhere.json: No such file or directory"),
        (["update", "nobody"], 2, "Missing option '--priority'"),
    ],
)
def test_what_goes_wrong(run, arguments, code, message):
    result = run("batch", *arguments)
    assert (result.exit_code, message in result.stderr) == (code, True), result.stderr


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("a.txt", "one\n\ntwo", {"prompts": ["one", "two"], "top_k": 3}),
        ("a.json", '["one"]', {"prompts": ["one"], "top_k": 3}),
        ("a.json", '{"prompts": ["one"], "temperature": 0}', {"prompts": ["one"], "temperature": 0, "top_k": 3}),
        ("a.jsonl", '"one"\n{"prompt": "two"}\n', {"prompts": ["one", "two"], "top_k": 3}),
    ],
)
def test_files_of_prompts(tmp_path, name, text, found):
    (tmp_path / name).write_text(text)
    assert batch_input.content(str(tmp_path / name), {"top_k": 3}) == found


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        ("{", {}, "is not valid JSON"),
        ("[]", {}, "is empty; it must contain prompts"),
        ("3", {}, "must contain a list of prompts"),
        ('["one", {"messages": []}, 3]', {}, r"only prompts \(strings\) or requests \(objects\)"),
        ('[{"messages": []}]', {"top_k": 3}, "Requests contain their own settings"),
    ],
)
def test_files_that_are_none(tmp_path, text, settings, message):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(batch_input.click.UsageError, match=message):
        batch_input.content(str(path), settings)
