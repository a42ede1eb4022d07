"""The status page in a real browser: Chromium, without a window."""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Iterator

import httpx
import pytest
from pydantic import SecretStr

from llmengine_integrations import Client
from llmengine_integrations.engine.config import DEFAULT_MODEL_PATH, EngineConfig

from .badges import WORDINGS, answer, prompt, table
from .fakes import FakeBatch, fake_lane, running

playwright = pytest.importorskip("playwright.sync_api", reason="the status page is tested with playwright")
expect = playwright.expect

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.engine,
    pytest.mark.timeout(300),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (Debian: apt-get install chromium)"),
]

PATIENCE = 30_000  # milliseconds
BASE = "llama-2-7b"
EVIL = """<img src=x onerror="document.title='owned'">"""
ROWS = table([(prompt(WORDINGS[0], name), answer(name)) for name in ("Rhea", "Tomas", "Noor", "Hana")])


@pytest.fixture(scope="module")
def chromium() -> Iterator[object]:
    expect.set_options(timeout=PATIENCE)
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


class Window:
    """Opens pages, and sees to it that they are well-behaved: no errors, and no request to anybody but their engine."""

    def __init__(self, browser) -> None:
        self._browser = browser
        self.expected_errors = re.compile("(?!)")
        self._errors: list[str] = []
        self._requested: set[str] = set()
        self._url = ""

    def open(self, url: str, key: str | None = None, **options):
        context = self._browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | options)
        context.set_default_timeout(PATIENCE)
        if key is not None:
            context.add_init_script(f"sessionStorage.setItem('llmengine.key', {json.dumps(key)})")
        page = context.new_page()
        page.on("console", lambda message: message.type in {"error", "warning"} and self._errors.append(message.text))
        page.on("pageerror", lambda error: self._errors.append(str(error)))
        page.on("request", lambda request: self._requested.add(request.url))
        self._url = url
        page.goto(f"{url}/")
        return page

    def close(self) -> None:
        for context in self._browser.contexts:
            context.close()
        assert [error for error in self._errors if not self.expected_errors.search(error)] == []
        assert [url for url in self._requested if not url.startswith(f"{self._url}/")] == []


@pytest.fixture
def window(chromium):
    window = Window(chromium)
    yield window
    window.close()


@pytest.fixture
def page(window, engine):
    page = window.open(engine.base_url, engine.api_key)
    expect(page.locator("#health")).to_have_text("Ready")
    expect(page.locator("#model-list h3")).to_contain_text("llmengine-tiny")
    return page


@pytest.fixture
def open_engine(tmp_path_factory):
    """The URL of an engine without a key whose model has a hostile name, and writes hostile text."""
    config = EngineConfig(port=0, models={EVIL: DEFAULT_MODEL_PATH})
    with running(config, lambda: {EVIL: fake_lane(FakeBatch(EVIL))}) as (url, _):
        yield url


def ask(engine, path: str, **fields: object) -> dict:
    reply = httpx.post(f"{engine.base_url}{path}", json=fields, auth=(engine.api_key, ""), timeout=60)
    assert reply.status_code == 200, reply.text
    return reply.json()["choices"][0]


def endless(page) -> None:
    """Have completions go on to their last token."""

    def change(route) -> None:
        route.continue_(post_data=json.dumps(route.request.post_data_json | {"ignore_eos": True}))

    page.route("**/v2/completions", change)


def complete(page, text: str, *, tokens: int = 24) -> None:
    page.get_by_label("Prompt").fill(text)
    page.locator("#complete-tokens").fill(str(tokens))
    page.get_by_role("button", name="Complete").click()


def focused(page) -> str:
    return page.evaluate("document.activeElement.id || document.activeElement.textContent")


def test_it_shows_the_models(page, engine):
    model = page.locator("#model-list > li")
    expect(model.locator(".badge").first).to_have_text("Ready")
    for fact in ("CPU cores", "2,048 tokens", "16 completions", BASE):
        expect(model).to_contain_text(fact)
    expect(page.locator("#address")).to_have_text(engine.base_url)
    expect(page.locator("#version")).to_contain_text("llmengine-integrations-")
    expect(page.locator("#complete-model option")).to_contain_text(["llmengine-tiny", BASE])
    expect(page.locator("#key-dialog")).to_be_hidden()


def test_a_completion_is_shaded_by_probability(page, engine):
    text = "Maria lives in Valencia.\nQuestion: Where does Maria live?\nAnswer:"
    complete(page, text)
    expect(page.locator("#complete-note")).to_contain_text("in the prompt")
    whole = ask(engine, "/v2/completions", model=BASE, prompt=text, max_tokens=24, temperature=0, logprobs=5)
    tokens = page.locator("#completion [role=option]")
    assert "".join(tokens.all_text_contents()).removesuffix("<|end|>") == whole["text"]
    unlikely = tokens.evaluate_all("all => all.map(one => Number(one.style.getPropertyValue('--unlikely')))")
    log_probs = whole["logprobs"]["token_logprobs"]
    assert unlikely == pytest.approx([1 - math.exp(log_prob) for log_prob in log_probs], abs=0.01)
    grounds = tokens.evaluate_all("all => all.map(one => getComputedStyle(one).backgroundColor)")
    assert len(set(grounds)) > 1


def test_the_alternatives_are_shown_on_hover(page, engine):
    complete(page, "Once upon a time")
    expect(page.locator("#complete-note")).to_contain_text("in the prompt")
    whole = ask(
        engine, "/v2/completions", model=BASE, prompt="Once upon a time", max_tokens=24, temperature=0, logprobs=5
    )
    tip = page.get_by_role("tooltip")
    expect(tip).to_be_hidden()
    page.locator("#completion [role=option]").nth(1).hover()
    expect(tip).to_be_visible()
    marks = {" ": "␣", "\n": "⏎", "\t": "⇥", "\r": "␍"}
    alternatives = [
        re.sub(r"[ \n\t\r]", lambda space: marks[space[0]], text) for text in whole["logprobs"]["top_logprobs"][1]
    ]
    assert tip.locator("li code").all_text_contents() == alternatives
    expect(tip.locator("li.chosen")).to_have_count(1)
    expect(tip.locator("li").first).to_contain_text("%")
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()


def test_a_completion_is_streamed_and_can_be_stopped(page):
    endless(page)
    complete(page, "Hello", tokens=1900)
    page.locator("#completion [role=option]").nth(3).wait_for()
    page.get_by_role("button", name="Stop").click()
    note = page.locator("#complete-note")
    expect(note).to_contain_text("Stopped after")
    assert 4 <= int(re.search(r"\d+", note.inner_text())[0]) < 1900
    expect(page.get_by_role("button", name="Complete")).to_be_enabled()


def test_characters_of_several_tokens_are_one(page):
    def change(route) -> None:
        route.continue_(post_data=json.dumps(route.request.post_data_json | {"guided_choice": ["Zoë 🌍 漢\n字"]}))

    page.route("**/v2/completions", change)
    complete(page, "Say it:")
    expect(page.locator("#complete-note")).to_contain_text("in the prompt")
    texts = page.locator("#completion .token:not(.end)").all_text_contents()
    assert "".join(texts) == "Zoë 🌍 漢\n字"
    assert "🌍" in texts
    page.locator("#completion [role=option]", has_text="🌍").hover()
    expect(page.get_by_role("tooltip")).to_contain_text("in 4 tokens")


def test_a_refusal_is_shown(window, page):
    window.expected_errors = re.compile("400")
    complete(page, "word " * 3000)
    expect(page.locator("#complete-note.error")).to_contain_text("tokens")


def test_a_chat_remembers(page, engine):
    questions = ["My name is Maria.", "What is my name?"]
    box = page.get_by_label("Message")
    messages: list[dict[str, str]] = []
    for question in questions:
        messages.append({"role": "user", "content": question})
        box.fill(question)
        with page.expect_request("**/v2/chat/completions") as sent:
            box.press("Enter")
        assert sent.value.post_data_json["messages"] == messages
        assert sent.value.post_data_json["stream"] is True
        expect(page.get_by_role("button", name="Send")).to_be_visible()
        whole = ask(engine, "/v2/chat/completions", model=BASE, messages=messages, temperature=0, max_tokens=512)
        expect(page.locator("#chat-log .assistant p").last).to_have_text(whole["message"]["content"].strip())
        messages.append({"role": "assistant", "content": whole["message"]["content"]})
    expect(page.locator("#chat-log > div")).to_have_count(4)
    page.get_by_role("button", name="New chat").click()
    expect(page.locator("#chat-log > div")).to_have_count(0)
    box.fill("Hello")
    with page.expect_request("**/v2/chat/completions") as sent:
        box.press("Enter")
    assert len(sent.value.post_data_json["messages"]) == 1


def test_a_fine_tune_is_made_watched_and_tried_and_another_cancelled(page, engine):
    page.locator("#upload-file").set_input_files({"name": "rows.csv", "mimeType": "text/csv", "buffer": ROWS})
    expect(page.locator("#files-note")).to_have_text("rows.csv is uploaded.")
    page.locator("#tune-epochs").fill("2")
    page.get_by_label("Suffix").fill("page")
    page.get_by_role("button", name="Fine-tune", exact=True).click()
    jobs = page.locator("#job-list > li")  # other tests' too: the engine is shared
    job, cancelled = jobs.filter(has_text=".page."), jobs.filter(has_text=".dropped.")
    expect(job).to_have_count(1)
    page.get_by_label("Suffix").fill("dropped")
    page.get_by_role("button", name="Fine-tune", exact=True).click()
    expect(cancelled).to_have_count(1)
    cancelled.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel it").click()
    expect(page.locator("#tune-note")).to_contain_text("is cancelled")
    expect(cancelled).to_have_count(0)
    expect(job).to_have_count(1)
    name = job.locator(".name").inner_text()
    try:
        expect(job.locator("summary .badge").first).to_have_text("Done", timeout=200_000)
        curve = job.get_by_role("img", name="training loss from")
        expect(curve.locator("circle.validation")).to_have_count(2)
        assert len(curve.locator("polyline.training").get_attribute("points").split()) >= 2
        losses = re.findall(r"[\d.]+", job.locator(".curve-legend").inner_text())
        assert all(0 < float(loss) < 20 for loss in losses)
        assert len(losses) == 2
        expect(page.locator("#model-list .adapters")).to_contain_text(name)
        job.get_by_role("button", name="Try it").click()
        expect(page.locator("#complete-model")).to_have_value(name)
        assert focused(page) == "prompt"
    finally:
        with Client(base_url=engine.base_url, api_key=engine.api_key) as client:
            client.models.delete(name)
    expect(page.locator("#model-list")).not_to_contain_text(name)
    before = page.locator("#complete-model").input_value()
    job.get_by_role("button", name="Try it").click()
    expect(page.locator("#tune-note")).to_have_text(f"{name} is not among the models (any more).")
    expect(page.locator("#complete-model")).to_have_value(before)


def test_files_come_and_go(page, engine):
    page.locator("#upload-file").set_input_files(
        [{"name": name, "mimeType": "text/plain", "buffer": b"text" * 300} for name in ("one.txt", "two.txt")]
    )
    row = page.locator("#file-list li", has_text="two.txt")
    expect(row.locator(".size")).to_have_text("1.2 KB")
    with Client(base_url=engine.base_url, api_key=engine.api_key) as client:
        ids = {file.filename: file.id for file in client.files.list()}
        expect(row.locator("code")).to_have_text(ids["two.txt"])
        for name, press, left in (
            ("one.txt", "Keep", True),
            ("one.txt", "Delete", False),
            ("two.txt", "Delete", False),
        ):
            page.get_by_role("button", name=f"Delete {name}").click()
            page.get_by_role("dialog").get_by_role("button", name=press, exact=True).click()
            expect(page.get_by_role("button", name=f"Delete {name}")).to_have_count(int(left))
            assert (ids[name] in {file.id for file in client.files.list()}) is left


def test_a_file_that_is_no_text_is_refused(window, page):
    window.expected_errors = re.compile("500")
    page.locator("#upload-file").set_input_files({"name": "a.bin", "mimeType": "text/csv", "buffer": b"\xff\xfe\x00"})
    expect(page.locator("#files-note.error")).to_contain_text("a.bin: Internal error")


def test_an_engine_with_a_key_is_asked_for_it(window):
    window.expected_errors = re.compile("401")
    config = EngineConfig(port=0, api_key=SecretStr("kéy: 漢"))
    with running(config, lambda: {"llmengine-tiny": fake_lane(FakeBatch())}) as (url, _):
        page = window.open(url)
        dialog = page.get_by_role("dialog", name="The engine's key")
        expect(dialog).to_be_visible()
        assert focused(page) == "key"
        page.keyboard.press("Escape")
        expect(page.locator("#models-note")).to_contain_text("wants its key")
        expect(page.locator("#model-list li")).to_have_count(0)
        page.get_by_role("button", name="Key", exact=True).click()
        dialog.get_by_label("Key", exact=True).fill("wrong")
        page.keyboard.press("Enter")
        expect(dialog.get_by_role("alert")).to_contain_text("does not let this key in")
        dialog.get_by_label("Key", exact=True).fill("kéy: 漢")
        dialog.get_by_role("button", name="Use this key").click()
        expect(page.locator("#model-list h3")).to_contain_text("llmengine-tiny")
        expect(dialog).to_be_hidden()
        expect(page.locator("#models-note")).to_be_empty()
        page.reload()
        expect(page.locator("#model-list h3")).to_contain_text("llmengine-tiny")
        assert page.evaluate("[localStorage.length, document.cookie, location.search]") == [0, "", ""]
        assert page.evaluate("document.documentElement.outerHTML.includes('漢')") is False


def test_text_from_models_and_files_is_only_text(window, open_engine):
    """And an engine without a key of its own asks for none."""
    page = window.open(open_engine)
    expect(page.locator("#model-list h3")).to_contain_text(EVIL)
    page.locator("#upload-file").set_input_files({"name": f"{EVIL}.csv", "mimeType": "text/csv", "buffer": ROWS})
    expect(page.locator("#files-note")).to_contain_text("is uploaded")
    expect(page.locator("#file-list .name")).to_contain_text("<img src=x onerror=")
    complete(page, EVIL, tokens=100)
    expect(page.locator("#complete-note")).to_contain_text("in the prompt")
    assert "".join(page.locator("#completion .token:not(.end)").all_text_contents()) == EVIL
    page.locator("#completion [role=option]").first.hover()
    page.get_by_label("Message").fill(EVIL)
    page.get_by_label("Message").press("Enter")
    expect(page.locator("#chat-log .assistant p")).to_have_text(EVIL)
    expect(page.locator("img:not([src='page/icon.svg'])")).to_have_count(0)
    assert page.title() == "LLM Engine, embedded"
    with pytest.raises(playwright.Error, match="TrustedHTML"):
        page.evaluate("document.body.innerHTML = '<p>'")
    window.expected_errors = re.compile("TrustedHTML")


def test_errors_on_the_way_are_shown(window):
    window.expected_errors = re.compile("ERR_INTERNET_DISCONNECTED")
    config = EngineConfig(port=0)
    with running(config, lambda: {"llmengine-tiny": fake_lane(FakeBatch("abcdef", fail_at=3))}) as (url, _):
        page = window.open(url)
        expect(page.locator("#complete-model")).to_have_value("llmengine-tiny")
        complete(page, "Hello")
        expect(page.locator("#complete-note.error")).to_contain_text("Upstream service error")
        expect(page.locator("#completion [role=option]")).to_have_text(["a", "b", "c"])
        page.get_by_label("Message").fill("Hello")
        page.get_by_label("Message").press("Enter")
        expect(page.locator("#chat-note.error")).to_contain_text("Upstream service error")
        page.context.set_offline(True)
        expect(page.locator("#health")).to_have_text("Not reachable")
        complete(page, "Hello")
        expect(page.locator("#complete-note.error")).to_contain_text("cannot be reached")
        page.context.set_offline(False)
        expect(page.locator("#health")).to_have_text("Ready")


def test_everything_is_within_reach_of_the_keyboard(page):
    reached = []
    while not reached or "Skip" not in reached[-1]:
        assert len(reached) < 60
        page.keyboard.press("Shift+Tab")
        reached.append(focused(page))
    reached.reverse()
    wanted = ["change-key", "prompt", "complete-model", "complete-go", "completion", "chat-log", "chat-text", "chat-go"]
    wanted += ["tune-model", "tune-file", "tune-suffix", "tune-go", "upload-file"]
    assert [name for name in reached if name in wanted] == wanted
    assert page.locator("input, select, textarea").evaluate_all("all => all.filter(one => !one.labels.length)") == []


def test_a_completion_is_read_with_the_keyboard(page):
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert focused(page) == "prompt"
    page.keyboard.press("Control+A")
    page.keyboard.type("Maria lives in Valencia.\nQuestion: Where does Maria live?\nAnswer:")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#complete-note")).to_contain_text("in the prompt")
    tokens = page.locator("#completion [role=option]")
    for _ in range(5):
        page.keyboard.press("Tab")
    tip = page.get_by_role("tooltip")
    expect(tokens.first).to_be_focused()
    expect(tip).to_be_visible()
    first = tip.inner_text()
    page.keyboard.press("ArrowRight")
    expect(tokens.nth(1)).to_be_focused()
    expect(tokens.nth(1)).to_have_attribute("aria-selected", "true")
    expect(tokens.nth(1)).to_have_accessible_description(re.compile("%"))
    assert tip.inner_text() != first
    page.keyboard.press("End")
    expect(tokens.last).to_be_focused()
    page.keyboard.press("Home")
    expect(tokens.first).to_be_focused()
    page.keyboard.press("Tab")
    assert focused(page) == "chat-log"
    expect(tip).to_be_hidden()


@pytest.mark.parametrize("width", [320, 768])
def test_it_fits_narrow_screens(window, engine, width):
    page = window.open(engine.base_url, engine.api_key, viewport={"width": width, "height": 700})
    expect(page.locator("#model-list h3")).to_contain_text("llmengine-tiny")
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_it_is_dark_where_people_like_it_dark(page):
    lightness = (
        "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).reduce((sum, part) => sum + Number(part), 0)"
    )
    page.emulate_media(color_scheme="light")
    assert page.evaluate(lightness) > 600
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(lightness) < 200
