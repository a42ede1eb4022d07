from __future__ import annotations

import json

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
    assert "holds no messages" in result.stderr


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
        say("/usage", "in 2 replies.")
        say("/undo", "0 messages are left.")
        say("/set temperature 9", "\n> ")
        say("Hello", "422: temperature")
        say("/history", "system: You are helpful.\n> ")  # what failed is not in it
        say("/set temperature 0", "\n> ")
        say("Hello", "help you?")
        say("/model nobody", "There is no model nobody.")
        say("/model llama-2-7b", "Talking to llama-2-7b.")
        say("/mod", "Talking to llama-2-7b. There are ")
        say("/clear", "Forgotten, but for the system message.")
        say(f"/load '{saved}'", "Loaded 5 messages.")
        say("/load nowhere.json", "nowhere.json: No such file or directory")
        say("/frobnicate", "There is no command /frobnicate")
        say("/system -", "(no system message)")
        shown.until("> ")
        shown.type("\x04")
        code, plain = shown.end()
    assert code == 0
    assert "Traceback" not in plain
    messages = json.loads(saved.read_text())
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "tool", "assistant"]
    assert list(tmp_path.iterdir()) == [saved]


def test_ctrl_c_at_the_prompt_leaves(terminal):
    with terminal("chat") as shown:
        shown.until("> ")
        shown.type("\x03")
        code, plain = shown.end()
    assert (code, "Traceback" in plain, "Abort" in plain) == (130, False, False)
