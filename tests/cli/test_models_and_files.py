from __future__ import annotations

import json
import subprocess
import time

import pytest

pytestmark = pytest.mark.engine

ROWS = "prompt,response\n" + "".join(f"What is {n} plus 1?, {n + 1}\n" for n in range(300))


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(ROWS)
    return path


def test_models(run):
    listed = [line.split("\t")[0] for line in run("models", "list").stdout.splitlines()]
    assert listed[:2] == ["llmengine-tiny", "llama-2-7b"]
    assert json.loads(run("models", "list", "--json", "--name", "llama-2-7b").stdout)[0]["name"] == "llama-2-7b"
    shown = run("models", "get", "llama-2-7b").stdout
    assert "status      READY\n" in shown
    assert json.loads(run("models", "get", "llama-2-7b", "--json").stdout)["status"] == "READY"
    assert run("models", "wait", "llama-2-7b").stdout == "llama-2-7b is ready.\n"


def test_a_table_on_a_terminal_has_a_header(terminal):
    with terminal("models", "list") as shown:
        code, plain = shown.end()
    assert code == 0
    assert plain.splitlines()[0].split() == ["name", "status", "framework", "model"]


def test_unknown_models(run):
    result = run("models", "get", "nobody")
    assert result.exit_code == 1
    assert result.stderr.endswith(" was not found. `llmengine models list` shows what there is.\n")
    assert run("models", "wait", "nobody", "--missing-for", 0).exit_code == 1
    assert run("models", "download", "nobody", "nowhere").exit_code == 1
    assert run("models", "delete", "nobody", "-y").exit_code == 1
    assert run("models", "delete", "nobody", "-y", "--missing-ok").stdout == "There is no model nobody.\n"


def test_the_life_of_a_file(run, rows, tmp_path):
    file_id = run("files", "upload", rows, "--check").stdout.strip()
    assert f"{file_id}\trows.csv\t{len(ROWS)}\n" in run("files", "list").stdout
    assert {"id": file_id, "filename": "rows.csv", "size": len(ROWS)} in json.loads(
        run("files", "list", "--json").stdout
    )
    assert run("files", "get", file_id).stdout == f"id     {file_id}\nname   rows.csv\nbytes  {len(ROWS)}\n"
    assert run("files", "content", file_id).stdout == ROWS
    folder = tmp_path / "here"
    folder.mkdir()
    assert run("files", "download", file_id, folder).stdout == f"{folder / 'rows.csv'}\n"
    assert (folder / "rows.csv").read_text() == ROWS
    again = run("files", "download", file_id, folder)
    assert (again.exit_code, again.stderr) == (1, f"Error: {folder / 'rows.csv'} exists; --overwrite replaces it.\n")
    assert run("files", "download", file_id, folder, "--overwrite", "--json").exit_code == 0
    refused = run("files", "delete", file_id)
    assert (refused.exit_code, "Pass --yes" in refused.stderr) == (2, True)
    assert run("files", "delete", file_id, "-y").stdout == f"Deleted {file_id}.\n"
    gone = run("files", "get", file_id)
    assert (gone.exit_code, "`llmengine files list` shows" in gone.stderr) == (1, True)


def test_a_deletion_is_asked_for_on_a_terminal(terminal, run, rows):
    file_id = run("files", "upload", rows).stdout.strip()
    with terminal("files", "delete", file_id) as shown:
        shown.until("Delete the file")
        shown.type("n\n")
        assert shown.end()[0] == 1
    assert run("files", "get", file_id).exit_code == 0
    with terminal("files", "delete", file_id) as shown:
        shown.until("[y/N]: ")
        time.sleep(1)  # a Ctrl-C just before Python reads the line is seen only after it
        shown.type("\x03")
        code, plain = shown.end()
        assert (code, "Abort" in plain) == (130, False)
    with terminal("files", "delete", file_id) as shown:
        shown.until("Delete the file")
        shown.type("y\n")
        assert shown.end()[0] == 0
    assert run("files", "get", file_id).exit_code == 1


def test_an_upload_has_a_bar_on_standard_error_only(terminal, rows):
    pytest.importorskip("rich")
    with terminal("files", "upload", rows, stdout=subprocess.PIPE) as shown:
        code, plain = shown.end()
        out = shown.process.stdout.read().decode()
    assert code == 0
    assert out.startswith("file-")
    assert out.count("\n") == 1
    assert "rows.csv" in plain
    assert "━" in plain


def test_a_download_has_a_bar_on_standard_error_only(terminal, run, rows, tmp_path):
    pytest.importorskip("rich")
    file_id = run("files", "upload", rows).stdout.strip()
    with terminal("files", "download", file_id, tmp_path / "got.csv", stdout=subprocess.PIPE) as shown:
        code, plain = shown.end()
        assert shown.process.stdout.read().decode() == f"{tmp_path / 'got.csv'}\n"
    assert code == 0
    assert f"{file_id} ━" in plain


def test_files_that_are_fit_for_training_and_not(alone, tmp_path, rows):
    fit = alone("files", "check", rows)  # needs no server
    assert (fit.exit_code, fit.stdout) == (0, "rows.csv: 300 rows of prompt and response, fit for training.\n")
    few = tmp_path / "few.csv"
    few.write_text("prompt,response\na,b\n")
    assert alone("files", "check", few).stderr.startswith("Warning: few.csv: ")
    assert json.loads(alone("files", "check", few, "--json").stdout)["data"]["rows"] == 1
    bad = tmp_path / "bad.csv"
    bad.write_text("prompt,response\na,\n,b\n")
    found = alone("files", "check", bad)
    assert found.exit_code == 1
    assert [line.split(":")[1] for line in found.stdout.splitlines()] == [
        " row 2, column response",
        " row 3, column prompt",
    ]
    problems = json.loads(alone("files", "check", bad, "--json").stdout)["problems"]
    assert [problem["row"] for problem in problems] == [2, 3]


def test_an_unfit_file_is_not_uploaded(run, tmp_path):
    bad = tmp_path / "unfit.csv"
    bad.write_text("prompt,response\na,\n")
    result = run("files", "upload", bad, "--check")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: unfit.csv is not fit for fine-tuning. row 2, column response:")
    assert "unfit.csv" not in run("files", "list").stdout


def test_a_missing_file_is_wrong_usage(run):
    result = run("files", "upload", "nowhere.csv")
    assert (result.exit_code, "'nowhere.csv' does not exist" in result.stderr) == (2, True)
