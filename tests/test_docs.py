"""What the documents say: every block of Python runs against the embedded engine, and what can be looked up is there."""

from __future__ import annotations

import ast
import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    str(path.relative_to(ROOT))
    for path in [*ROOT.glob("docs/*.md"), *(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "SECURITY"))]
    if path.exists()
)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
ALONE = ["README.md"]
"""Pages whose blocks run each by itself, since readers copy one; those of the others run top to bottom."""
OTHERWISE = "docs/adding-a-resource.md"
NAMES = {
    "docs/adding-an-adapter.md": {"__package__": "llmengine_integrations.words"},
    "docs/fine-tuning.md": {"BASE": str(ROOT / "src" / "llmengine_integrations" / "engine" / "default_model")},
}
"""What a page takes as given."""
SHORTENED = "docs/fine-tuning.md"
"""The page whose `badges.csv` is a file of the cookbook; some of its rows will do."""


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, language: str = "python") -> list[str]:
    return [body for kind, body in BLOCK.findall(text(page)) if kind == language]


RUN = """
import json, sys
for number, (source, names) in enumerate(json.load(sys.stdin)):
    exec(compile(source, f"block {number}", "exec"), {"__name__": "page"} | names)
    print(f"block {number} has run")
"""


def programs(page: str) -> list[str]:
    """The Python of a page, as it is run."""
    found = blocks(page) if page != OTHERWISE else []
    return found if page in ALONE or not found else ["\n\n".join(found)]


@pytest.mark.engine
@pytest.mark.timeout(240)
@pytest.mark.parametrize("page", [page for page in PAGES if programs(page)])
def test_the_python_of_a_page_runs(page, engine, tmp_path):
    pytest.importorskip("langchain_core")
    if any("llama_index" in program for program in programs(page)):
        pytest.importorskip("llama_index.core")
    if page == SHORTENED:
        rows = (ROOT / "cookbook" / "data" / "badges.csv").read_text(encoding="utf-8").splitlines(keepends=True)
        (tmp_path / "badges.csv").write_text("".join(rows[:21]), encoding="utf-8")
    done = subprocess.run(  # noqa: S603 - our own document
        [sys.executable, "-c", RUN],
        input=json.dumps([(program, NAMES.get(page, {})) for program in programs(page)]),
        env={**os.environ, "LLM_ENGINE_BASE_PATH": engine.base_url, "SCALE_API_KEY": engine.api_key},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=230,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(" has run\n") == len(programs(page))


def test_every_page_is_looked_at():
    assert {"README.md", "docs/langchain.md", "docs/llama-index.md", "docs/embedded-engine.md"} < set(PAGES)
    for page in PAGES:
        assert "```py\n" not in text(page), "python, so that it is run"


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\((?!https?:|mailto:)([^)]+)\)", text(page)):
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings], link


@pytest.mark.parametrize("page", PAGES)
def test_pictures_are_there(page):
    for picture in re.findall(r'(?:src|srcset)="([^"]+)"', text(page)):
        assert ((ROOT / page).parent / picture).is_file(), picture


@pytest.mark.parametrize("page", PAGES)
def test_commands_exist(page):
    """Targets of make, scripts, extras, and the commands and options of llmengine."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    said = "\n".join([*re.findall(r"`([^`\n]+)`", text(page)), *blocks(page, "sh")])
    for target in re.findall(r"^make (?:[A-Z_]+=\S+ )*([a-z][a-z-]*)", said, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for script in re.findall(r"^python (\S+\.py)", said, re.MULTILINE):
        assert (ROOT / script).exists(), script
    for extras in re.findall(r"pip install '[^'\[]*\[([a-z,-]+)\]'", said):
        for extra in extras.split(","):
            assert re.search(rf"^{extra} = \[", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    for line in re.findall(r"^(llmengine [a-z].*)$", said, re.MULTILINE):
        check_command(line)


def check_command(line: str) -> None:
    import click  # noqa: PLC0415 - with the command line

    from llmengine_integrations.cli import main  # noqa: PLC0415 - as above

    words = shlex.split(line.partition("|")[0], comments=True)[1:]
    command: click.Command = main
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(click.Context(command), words.pop(0))
        assert found is not None, f"no such command: {line}"
        command = found
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    for word in words:
        if word.startswith("--") and word != "--help":
            assert word.partition("=")[0] in known, f"no such option: {line}"


@pytest.mark.engine
def test_the_readmes_commands_run(engine, tmp_path):
    lines = [line for part in blocks("README.md", "sh") for line in part.splitlines() if line.startswith("llmengine ")]
    asking = [shlex.split(line, comments=True) for line in lines if not line.startswith("llmengine serve")]
    assert len(asking) > 1
    for _, *words in asking:
        done = subprocess.run(  # noqa: S603 - our own document
            [Path(sys.executable).with_name("llmengine"), *words],
            env={**os.environ, "LLM_ENGINE_BASE_PATH": engine.base_url, "SCALE_API_KEY": engine.api_key},
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, bool(done.stdout.strip())) == (0, True), done.stdout + done.stderr


def test_the_cookbooks_page_lists_every_script():
    listed = dict(
        re.findall(
            r"^\| \[(\w+)\.py\]\(\.\./cookbook/\1\.py\) \| (.+) \| \[notebook\]\(\.\./cookbook/notebooks/\1\.ipynb\) \|$",
            text("docs/cookbook.md"),
            re.MULTILINE,
        )
    )
    scripts = {}
    for path in ROOT.glob("cookbook/*.py"):
        scripts[path.stem] = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n\n")[0]
    assert listed == {name: question.replace("\n", " ") for name, question in scripts.items()}
    assert all(question.endswith("?") for question in listed.values())


def test_the_drawing_of_the_architecture_is_what_is_imported():
    pytest.importorskip("grimp")
    drawn = runpy.run_path(str(ROOT / "docs" / "draw_architecture.py"))["drawing"]()
    assert (ROOT / "docs" / "images" / "architecture.svg").read_text(encoding="utf-8") == drawn


def test_the_table_of_the_engines_settings_is_what_they_are():
    page = text("docs/embedded-engine.md")
    assert runpy.run_path(str(ROOT / "docs" / "settings_table.py"))["written"](page) == page


def test_the_changelog_keeps_its_form():
    parts = re.split(r"^## ", text("CHANGELOG.md"), flags=re.MULTILINE)[1:]
    assert parts[0].startswith("[Unreleased]")
    for part in parts:
        assert re.match(r"\[(Unreleased|\d+\.\d+\.\d+)\]( - \d{4}-\d\d-\d\d)?\n", part)
        kinds = re.findall(r"^### (.+)$", part, re.MULTILINE)
        assert set(kinds) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


ENDPOINT = "/v1/llm/model-endpoints"
COMPLETION = "/v1/llm/completions-sync?model_endpoint_name=llama-2-7b"
BATCH = {"content": {"prompts": ["a"], "max_new_tokens": 1, "temperature": 0}, "model_config": {"model": "llama-2-7b"}}
TUNE = {"model": "llama-2-7b", "training_file": "x.csv", "hyperparameters": {}}
CHAT = {"model": "llama-2-7b", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1}
TEXT = {"model": "llama-2-7b", "prompt": "Hello", "max_tokens": 1}
IMAGE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://127.0.0.1/x.png"}}]}]
DIFFERENCES = {
    "creating an endpoint": ("POST", ENDPOINT, {"name": "x"}, 405, "Method Not Allowed"),
    "changing one": ("PUT", f"{ENDPOINT}/llama-2-7b", {}, 405, "Method Not Allowed"),
    "deleting what is served": ("DELETE", f"{ENDPOINT}/llama-2-7b", None, 403, "Only fine-tuned models"),
    "a batch from elsewhere": (
        "POST",
        "/v1/llm/batch-completions",
        {**BATCH, "output_data_path": "s3://b/o"},
        400,
        "local files only",
    ),
    "a batch's checkpoint": (
        *("POST", "/v1/llm/batch-completions"),
        {**BATCH, "output_data_path": "o", "model_config": {"model": "other", "checkpoint_path": "s3://b/c"}},
        *(400, "serves no model other"),
    ),
    "the code evaluator": (
        *("POST", "/v1/llm/batch-completions"),
        {**BATCH, "output_data_path": "o", "tool_config": {"name": "code_evaluator"}},
        *(400, "--allow-code-evaluator"),
    ),
    "an unknown hyperparameter": (
        "POST",
        "/v1/llm/fine-tunes",
        {**TUNE, "hyperparameters": {"x": 1}},
        400,
        "no hyperparameter",
    ),
    "a URL of this machine": (
        "POST",
        "/v1/llm/fine-tunes",
        {**TUNE, "training_file": "http://127.0.0.1/x.csv"},
        400,
        "--allow-private-urls",
    ),
    "a negative length": (
        "POST",
        COMPLETION,
        {"prompt": "a", "max_new_tokens": -1, "temperature": 0},
        400,
        "max_new_tokens",
    ),
    "beam search": ("POST", "/v2/chat/completions", {**CHAT, "use_beam_search": True}, 400, "use_beam_search"),
    "an image": ("POST", "/v2/chat/completions", {**CHAT, "messages": IMAGE}, 400, "text only"),
    "filling gaps": ("POST", "/v2/completions", {**TEXT, "suffix": "x"}, 400, "suffix"),
    "JSON in UTF-16": ("POST", COMPLETION, json.dumps({"prompt": "a"}).encode("utf-16"), 400, "UTF-8"),
    "streamed text completions": ("POST", "/v2/completions", {**TEXT, "stream": True}, 200, "text_completion"),
    "batches of v2": ("POST", "/v2/batch-completions", {**BATCH, "output_data_path": "o.json"}, 200, "batch-"),
}
"""What docs/embedded-engine.md says of differences from the gateway: a request, and its status and words."""


@pytest.mark.engine
@pytest.mark.parametrize("name", DIFFERENCES)
def test_what_differs_from_the_gateway(name, engine):
    method, path, body, status, words = DIFFERENCES[name]
    sent = (
        {"content": body, "headers": {"content-type": "application/json"}}
        if isinstance(body, bytes)
        else {"json": body}
    )
    reply = httpx.request(method, f"{engine.base_url}{path}", auth=(engine.api_key, ""), timeout=60, **sent)
    assert (reply.status_code, words in reply.text) == (status, True), reply.text


@pytest.mark.engine
def test_endpoints_are_sorted_and_rows_are_read(engine):
    with httpx.Client(base_url=engine.base_url, auth=(engine.api_key, ""), timeout=60) as http:
        listed = http.get(f"{ENDPOINT}?order_by=alphabetical").json()["model_endpoints"]
        assert [one["name"] for one in listed] == sorted(one["name"] for one in listed)
        rows = b'prompt,response\na,b\nc,""\n'
        file = http.post("/v1/files", files={"file": ("train.csv", rows)}).json()["id"]
        refused = http.post("/v1/llm/fine-tunes", json={**TUNE, "training_file": file})
    assert (refused.status_code, "row 3, column response: The cell is empty" in refused.text) == (400, True), (
        refused.text
    )


def test_adding_a_resource_is_true(tmp_path):
    """Following docs/adding-a-resource.md word by word in a copy of the package gives a resource on both clients, and its test passes."""
    wire, resource, line, test = blocks(OTHERWISE)
    source = tmp_path / "src" / "llmengine_integrations"
    shutil.copytree(
        ROOT / "src" / "llmengine_integrations",
        source,
        ignore=shutil.ignore_patterns("engine", "langchain", "llama_index", "__pycache__"),
    )
    (source / "wire" / "widgets.py").write_text(wire)
    (source / "core" / "resources" / "widgets.py").write_text(resource)
    client = source / "core" / "client.py"
    registered = "    files: Files[TransportT]\n"
    assert registered in client.read_text()
    client.write_text(client.read_text().replace(registered, f"{registered}    {line}"))
    check = """
from llmengine_integrations import AsyncClient, Client
from llmengine_integrations.wire.widgets import Widget
for client in (Client(), AsyncClient()):
    assert callable(client.widgets.get) and callable(client.widgets.create), client
"""
    (tmp_path / "test_widgets.py").write_text(f"{test}\n\ndef test_it_is_on_both_clients() -> None:\n    import use\n")
    (tmp_path / "use.py").write_text(check)
    done = subprocess.run(  # noqa: S603 - our own document
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            tmp_path,
            tmp_path / "test_widgets.py",
        ],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{tmp_path / 'src'}:{tmp_path}", "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


@pytest.mark.timeout(240)
def test_the_site_builds_strictly(tmp_path):
    pytest.importorskip("mkdocs")
    pytest.importorskip("mkdocstrings")
    done = subprocess.run(  # noqa: S603 - our own documents
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path / "site"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=230,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    reference = re.sub(r"<[^>]+>", "", (tmp_path / "site" / "reference" / "client" / "index.html").read_text("utf-8"))
    assert "-&gt; Completion\n" in reference, "what a call returns, and not the operation that it builds"
    assert "stop_sequences: list[str] | None" in reference
    assert "Unpack[" not in reference
    readme = tmp_path / "site" / "readme"
    for picture in re.findall(r'(?:src|srcset)="([^"]+\.png)"', (readme / "index.html").read_text("utf-8")):
        assert (readme / picture).is_file(), picture
    script = (tmp_path / "site" / "cookbook" / "quickstart" / "index.html").read_text("utf-8")
    assert "What it prints" in script
    assert "Alexandr Wang and Lucy Guo" in script
