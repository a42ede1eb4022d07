from __future__ import annotations

import json
import time

import pytest

pytestmark = pytest.mark.engine

QUESTION = "Maria lives in Valencia. Where does Maria live?"
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather in a city",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]


@pytest.mark.parametrize("how", [[], ["--no-stream"]])
def test_one_message(run, how):
    result = run("chat", QUESTION, "-t", 0, *how)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "Valencia.\n", "")


def test_a_piped_message_and_json(run):
    chunks = [json.loads(line) for line in run("chat", "-t", 0, "--json", stdin=QUESTION).stdout.splitlines()]
    assert "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks) == "Valencia."
    whole = json.loads(run("chat", QUESTION, "-t", 0, "--json", "--no-stream").stdout)
    assert whole["choices"][0]["message"]["content"] == "Valencia."


@pytest.mark.parametrize("how", [[], ["--no-stream"]])
def test_a_tool_that_the_model_wants_called(run, how):
    result = run("chat", "What is the weather in Oslo?", "-t", 0, "--tools", json.dumps(TOOLS), *how)
    assert result.stdout == 'get_weather({"city": "Oslo"})\n'


def test_a_saved_chat_goes_on(run, tmp_path):
    saved = tmp_path / "chat.json"
    saved.write_text(json.dumps([{"role": "user", "content": "Maria lives in Valencia."}]))
    assert "Valencia" in run("chat", "Where does Maria live?", "-t", 0, "--load", saved).stdout
    saved.write_text('{"no": "messages"}')
    result = run("chat", "Hello", "--load", saved)
    assert result.exit_code == 2
    assert "is not a chat" in result.stderr
    saved.write_text("no JSON")
    assert f"{saved} is not valid JSON: Expecting value" in run("chat", "Hello", "--load", saved).stderr


def test_json_needs_a_message(terminal):
    with terminal("chat", "--json") as shown:
        code, plain = shown.end()
    assert (code, "Give a message, or pipe one in." in plain) == (2, True)


def test_a_conversation(terminal, tmp_path):
    saved = tmp_path / "my chat.json"
    with terminal("chat", "-t", "0", "--tools", json.dumps(TOOLS), "--system", "You are helpful.") as shown:

        def say(line: str, reply: str) -> None:
            shown.until("> ")
            shown.screen = ""
            shown.type(line + "\n")
            shown.until(reply)

        say("/help", "Ctrl-C stops a reply.")
        say("/tools", "The weather in a city")
        say("/retry", "Nothing has been said yet.")
        say("What is the weather in Oslo?", "result of get_weather: ")
        shown.type("Sunny, 20 degrees\n")
        shown.until("Sunny, 20 degrees.\n")
        say(f"/save '{saved}'", "Saved 5 messages")
        say("/save /nowhere/chat.json", "\n/nowhere/chat.json: No such file or directory")
        say("/usage", "in 2 replies.")
        say("/undo", "0 messages are left.")
        say("/set temperature 9", "temperature: 9.0 is not in the range 0<=x<=2.")
        say("/set top_p nan", "top_p: 'nan' is not a finite number.")
        say("/set seed 1.5", "seed: '1.5' is not a valid integer")
        say("/set max_tokens 0", "\n> ")
        say("Hello", "400: max_tokens must be at least 1")
        say("/history", "system: You are helpful.\n> ")  # what failed is not in it
        say("/set max_tokens 50", "\n> ")
        say("Hello", "help you?")
        say("/model nobody", "There is no model nobody; /model lists the models.")
        say("/model llama-2-7b", "Talking to llama-2-7b.")
        say("/mod", "Talking to llama-2-7b. There are ")
        say("/clear", "Removed all messages except the system message.")
        say(f"/load '{saved}'", "Loaded 5 messages.")
        say("/load nowhere.json", "nowhere.json: No such file or directory")
        say("/frobnicate", "There is no command /frobnicate")
        say("/system -", "(no system message)")
        say("/clear", "Removed all messages.")
        say("/history", "Nothing has been said yet.")
        shown.until("> ")
        shown.type("\x04")
        code, plain = shown.end()
    assert code == 0
    assert "Traceback" not in plain
    messages = json.loads(saved.read_text())
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "tool", "assistant"]
    assert list(tmp_path.iterdir()) == [saved]


def test_ctrl_c_drops_a_line_and_the_second_leaves(terminal):
    with terminal("chat") as shown:

        def drop(line: str) -> None:
            shown.until("> ")
            shown.screen = ""
            shown.type(line)
            shown.until(line)
            time.sleep(0.2)  # readline forgets a signal that comes before it waits for the next key
            shown.type("\x03")

        drop("/frobnicate")
        shown.until("(Ctrl-C again or Ctrl-D leaves)\n> ")
        shown.screen = ""
        shown.type("/usage\n")
        shown.until("0 replies.\n> ")
        drop("once")
        shown.until("(Ctrl-C again or Ctrl-D leaves)\n> ")
        drop("twice")
        code, plain = shown.end()
    assert (code, "Traceback" in plain, "Abort" in plain) == (130, False, False)


UP = "\x1b[A"


def test_what_was_typed_is_there_in_the_next_chat(terminal, tmp_path):
    state = {"XDG_STATE_HOME": str(tmp_path)}
    kept = tmp_path / "llmengine" / "chat_history"
    with terminal("chat", "-t", "0", "--tools", json.dumps(TOOLS), variables=state) as shown:
        for line, reply in (
            (" /system Be brief.", "Be brief.\n> "),  # what begins with a space is not kept
            ("What is the weather in Oslo?", "result of get_weather: "),
            ("Sunny, 20 degrees", "Sunny, 20 degrees.\n> "),  # nor is what a tool says
            ("/undo \\", "\n. "),
            ("", "0 messages are left.\n> "),
        ):
            shown.until("> ") if line.startswith(" ") else None
            shown.screen = ""
            shown.type(f"{line}\n")
            shown.until(reply)
        shown.type("/exit\n")
        assert shown.end()[0] == 0
    lines = ["What is the weather in Oslo?", "/undo \n", "/exit"]
    assert [json.loads(line) for line in kept.read_text().splitlines()] == lines
    assert (kept.stat().st_mode & 0o777, kept.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    with terminal("chat", "-t", "0", variables=state) as shown:
        shown.until("> ")
        shown.type(f"{UP * 3}\n/history\n")
        shown.until("user: What is the weather in Oslo?\n")
        shown.type("/usage\n")
        shown.until("in 1 reply.\n> ")
        shown.type("\x04")
        assert shown.end()[0] == 0
    assert json.loads(kept.read_text().splitlines()[-1]) == "/usage"


@pytest.mark.parametrize("how", ["not wanted", "no folder for it"])
def test_a_chat_without_a_history(terminal, tmp_path, how):
    (tmp_path / "file").touch()
    state, options = (tmp_path, ["--no-history"]) if how == "not wanted" else (tmp_path / "file", [])
    with terminal("chat", *options, variables={"XDG_STATE_HOME": str(state)}) as shown:
        shown.until("> ")
        shown.type("/usage\n")
        shown.until("in 0 replies.\n> ")
        shown.type(UP)
        shown.until("in 0 replies.\n> /usage")
        shown.type("\n\x04")
        code, plain = shown.end()
    assert (code, "Traceback" in plain) == (0, False)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_tab_completes_commands_and_what_they_take(terminal, tmp_path):
    saved = tmp_path / "a chat.json"
    saved.write_text(json.dumps([{"role": "user", "content": "Hello"}]))
    (tmp_path / "sub").mkdir()
    saved.rename(tmp_path / "sub" / "chat.json")
    with terminal("chat", "-t", "0") as shown:
        for typed, reply in (
            ("/mo\tlla\t\n", "Talking to llama-2-7b."),
            ("/set max\t5\n", "\n> "),
            ("/set\n", "max_tokens   5\n"),
            (f"/lo\t{tmp_path}/s\tch\t\n", "Loaded 1 messages."),
            ("/us\t\n", "in 0 replies."),
            ("/\t\t", "/clear "),
        ):
            shown.until("> ")
            shown.screen = ""
            shown.type(typed)
            shown.until(reply)
        shown.type("\x15\x04")
        code, plain = shown.end()
    assert (code, "/history" in plain) == (0, True)
