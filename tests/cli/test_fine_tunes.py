from __future__ import annotations

import json
import re
import subprocess
from contextlib import suppress
from dataclasses import dataclass

import pytest

from llmengine_integrations.cli.fine_tuning.progress import TrainingProgress, duration
from llmengine_integrations.cli.terminal.loss_plot import plot
from llmengine_integrations.types import FineTuneEvent

engine_needed = pytest.mark.engine


@dataclass
class Tuned:
    job_id: str
    model: str
    screen: str


@pytest.fixture(scope="module")
def tuned_once() -> dict[str, Tuned]:
    return {}


@pytest.fixture
def tuned(tuned_once, terminal, tmp_path_factory) -> Tuned:
    """A job that was created and watched on a terminal; one for all tests."""
    pytest.importorskip("rich")
    if not tuned_once:
        rows = tmp_path_factory.mktemp("rows") / "rows.csv"
        rows.write_text("prompt,response\n" + "".join(f"What is {n} plus 1?, {n + 1}\n" for n in range(40)))
        options = ("--upload", "--suffix", "cli", "-s", "epochs=2", "-s", "lr=0.001", "--watch")
        with terminal("fine-tunes", "create", rows, *options) as shown:
            code, screen = shown.end()
        assert code == 0, screen
        found = re.search(r"^(ft-\S+)[\s\S]*^Ready: (\S+)", screen, re.MULTILINE)
        tuned_once["it"] = Tuned(found[1], found[2], screen)
    return tuned_once["it"]


@engine_needed
def test_watching_shows_the_epochs_and_the_losses(tuned):
    assert "Warning: rows.csv: " in tuned.screen  # 40 rows are few
    assert "RUNNING" in tuned.screen
    assert re.search(r"epoch 2/2  loss \d\.\d{4}  eval_loss \d\.\d{4}\n", tuned.screen)
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  Training on 36 rows", tuned.screen)
    assert tuned.model.startswith("llmengine-tiny.cli.")


@engine_needed
def test_watching_into_a_pipe(tuned, run):
    result = run("fine-tunes", "watch", tuned.job_id)
    lines = result.stdout.splitlines()
    assert "  Training on 36 rows" in lines[0]
    assert any("{'loss': " in line for line in lines)
    assert lines[-1] == f"Ready: {tuned.model}"
    assert result.stderr == f"{tuned.job_id}: SUCCESS\n"


@engine_needed
def test_watching_as_json(tuned, run):
    *events, job = map(json.loads, run("fine-tunes", "watch", tuned.job_id, "--json").stdout.splitlines())
    assert job == {"id": tuned.job_id, "fine_tuned_model": tuned.model, "status": "SUCCESS"}
    assert [event["metrics"]["epoch"] for event in events if event["metrics"] and "eval_loss" in event["metrics"]] == [
        1,
        2,
    ]


@engine_needed
def test_list_get_and_events(tuned, run):
    assert f"{tuned.job_id}\tSUCCESS\t{tuned.model}\n" in run("fine-tunes", "list").stdout
    assert tuned.job_id in [job["id"] for job in json.loads(run("fine-tunes", "list", "--json").stdout)]
    assert f"model   {tuned.model}\n" in run("fine-tunes", "get", tuned.job_id).stdout
    assert json.loads(run("fine-tunes", "get", tuned.job_id, "--json").stdout)["status"] == "SUCCESS"
    assert "\tinfo\tTraining on 36 rows" in run("fine-tunes", "events", tuned.job_id).stdout
    metrics = json.loads(run("fine-tunes", "events", tuned.job_id, "--metrics", "--json").stdout)
    assert metrics[-1]["epoch"] == 2
    table = run("fine-tunes", "events", tuned.job_id, "--metrics").stdout
    assert len(table.splitlines()) == len(metrics)


@engine_needed
def test_the_plot_in_the_terminal(tuned, run):
    drawn = run("fine-tunes", "plot", tuned.job_id).stdout
    assert "o validation loss" in drawn
    assert drawn.count("┤") == 12


@engine_needed
@pytest.mark.parametrize(("name", "start"), [("loss.png", b"\x89PNG"), ("loss.svg", b"<?xml")])
def test_the_plot_as_a_picture(tuned, run, tmp_path, name, start):
    pytest.importorskip("matplotlib")
    path = tmp_path / name
    assert run("fine-tunes", "plot", tuned.job_id, "-o", path).stdout == f"{path}\n"
    assert path.read_bytes().startswith(start)
    assert list(tmp_path.iterdir()) == [path]


@engine_needed
def test_the_tuned_model_is_downloaded_and_deleted(tuned, tuned_once, run, terminal, tmp_path):
    folder = tmp_path / "adapter"
    with terminal("models", "download", tuned.model, folder, stdout=subprocess.PIPE) as shown:
        code, bars = shown.end()
        paths = shown.process.stdout.read().decode().split()
    assert code == 0
    assert "adapter_model.safetensors" in bars
    assert sorted(paths) == sorted(map(str, folder.iterdir()))
    again = run("models", "download", tuned.model, folder)
    assert (again.exit_code, "--overwrite replaces it" in again.stderr) == (1, True)
    assert run("models", "delete", tuned.model, "-y").stdout == f"Deleted {tuned.model}.\n"
    assert run("models", "get", tuned.model).exit_code == 1
    tuned_once.clear()


@engine_needed
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["create", "file-nowhere"], 1, "404: Training file does not exist. `llmengine files list` shows"),
        (["create", "nowhere.csv", "--upload"], 2, "nowhere.csv is not a file on this machine"),
        (["create", "file-1", "-s", "lr"], 2, "'lr' is not NAME=VALUE"),
        (["create", "file-1", "--suffix", "a b"], 1, "The suffix must be 1 to 28 letters, digits and dashes"),
        (["create", "file-1", "--wandb-config", "1"], 2, "it must be a JSON object"),
        (["get", "nobody"], 1, "`llmengine fine-tunes list` shows what there is."),
        (["watch", "nobody"], 1, "`llmengine fine-tunes list` shows what there is."),
        (["plot", "nobody"], 1, "`llmengine fine-tunes list` shows what there is."),
        (["plot", "nobody", "-o", "loss.txt"], 2, "must end with .png, .svg or .pdf"),
        (["cancel", "nobody"], 2, "Pass --yes"),
        (["cancel", "nobody", "-y"], 1, "There is no fine-tune 'nobody' to cancel"),
    ],
)
def test_what_goes_wrong(run, arguments, code, message):
    result = run("fine-tunes", *arguments)
    assert (result.exit_code, message in result.stderr) == (code, True), result.stderr
    assert "Traceback" not in result.output


@engine_needed
def test_a_file_that_was_not_uploaded(run, tmp_path):
    rows = tmp_path / "rows.csv"
    rows.write_text("prompt,response\na, b\n" * 200)
    result = run("fine-tunes", "create", rows)
    assert result.exit_code == 1
    assert result.stderr.endswith(f"{rows} is a file on this machine: --upload sends it to the server first.\n")


@engine_needed
def test_a_job_is_cancelled(run, tmp_path):
    rows = tmp_path / "rows.csv"
    rows.write_text("prompt,response\na, b\n" * 200)
    job_id = run("fine-tunes", "create", rows, "--upload").stdout.strip()
    try:
        assert run("fine-tunes", "cancel", job_id, "-y").stdout == f"Cancelled {job_id}.\n"
    finally:
        with suppress(AssertionError):
            run("fine-tunes", "cancel", job_id, "-y", "--missing-ok")
    assert run("fine-tunes", "get", job_id).exit_code == 1


def event(timestamp: float | None, message: str) -> FineTuneEvent:
    return FineTuneEvent(timestamp=timestamp, message=message)


def test_what_is_left_follows_from_the_pace():
    training = TrainingProgress()
    assert not training.add(event(100.0, "Training on 9 rows and validating on 1: 4 epochs of 3 steps."))
    assert (training.epochs, training.seconds_left) == (4, None)
    assert training.add(event(110.0, "{'loss': 2.5, 'epoch': 1.0}"))
    assert training.seconds_left == pytest.approx(30)
    training.add(event(None, "{'eval_loss': 2.0, 'epoch': 1.0}"))
    training.add(event(130.0, "{'loss': 1.5, 'epoch': 3.0}"))
    assert training.seconds_left == pytest.approx(10)
    assert str(training) == "epoch 3/4  loss 1.5000  eval_loss 2.0000  10 s left"
    training.add(event(200.0, "Training on 9 rows and validating on 1: 4 epochs of 3 steps."))  # it begins anew
    assert training.seconds_left is None
    training.add(event(205.0, "{'loss': 2.5, 'epoch': 1.0}"))
    assert training.seconds_left == pytest.approx(15)


def test_without_a_number_of_epochs_nothing_is_foretold():
    training = TrainingProgress()
    training.add(event(1.0, "{'loss': 2.5, 'epoch': 1.0}"))
    training.add(event(2.0, "{'loss': 2.0, 'epoch': 2.0}"))
    assert str(training) == "epoch 2  loss 2.0000"
    known = TrainingProgress(epochs=4)
    for past in (event(1.0, "{'loss': 2.5, 'epoch': 1.0}"), event(2.0, "{'loss': 2.0, 'epoch': 2.0}")):
        known.add(past)
    assert known.seconds_left == pytest.approx(2)


@pytest.mark.parametrize(("seconds", "said"), [(0.4, "0 s"), (59, "59 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")])
def test_durations(seconds, said):
    assert duration(seconds) == said


def test_a_plot_in_text():
    drawn = plot([(0.0, 4.0), (1.0, 0.0)], [(1.0, 2.0)], width=10, height=3).splitlines()
    assert drawn == [
        "4 ┤⠑⠢⢄⡀",
        "  ┤   ⠈⠒⠤⡀  o",
        "0 ┤      ⠈⠑⠢⢄",
        "  └──────────",
        "   0 epoch  1",
        "   ⠒ training loss",
        "   o validation loss",
    ]


def test_a_plot_of_what_diverged():
    assert plot([(1.0, float("nan")), (2.0, 3.0)], [])
    with pytest.raises(ValueError, match="no loss to plot yet"):
        plot([(1.0, float("nan"))], [])
