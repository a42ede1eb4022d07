"""Guided text is what its constraint allows, whatever the model would rather write."""

from __future__ import annotations

import json
import re
from functools import partial
from random import Random

import pytest

from llmengine_integrations.engine.config import DEFAULT_MODEL_PATH, EngineConfig
from llmengine_integrations.engine.runtime.generation import (
    Generation,
    GenerationError,
    GenerationRequest,
    SamplingParams,
)
from llmengine_integrations.engine.runtime.torch_runtime.kv_memory import KVMemory
from llmengine_integrations.engine.runtime.torch_runtime.lane import Lane

from . import guide_cases as cases

torch = pytest.importorskip("torch")
pytest.importorskip("llguidance")
pytestmark = pytest.mark.engine

from llmengine_integrations.engine.dialect.guided_fields import guided_constraint  # noqa: E402
from llmengine_integrations.engine.runtime.constraint_checks import (  # noqa: E402
    choice_constraint,
    grammar_constraint,
    json_constraint,
    json_object_constraint,
    regex_constraint,
)
from llmengine_integrations.engine.runtime.constraints import (  # noqa: E402
    ConstraintError,
    JsonSchema,
    ToolCallConstraint,
    ToolSignature,
)
from llmengine_integrations.engine.runtime.torch_runtime.loading.loaded_model import LoadedModel, prepare  # noqa: E402 - after importorskip
from llmengine_integrations.engine.runtime.torch_runtime.running_batch import RunningBatch  # noqa: E402

CASES = 200
COLOURS = ["red", "green", "日本", "r"]


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    prepare(EngineConfig(threads=1))
    return LoadedModel.load(DEFAULT_MODEL_PATH, torch.device("cpu"))


def outcomes(model, requests, max_batch_size=32):
    """The text and the finish reason of each request, generated together; for one that fails, its error."""
    lane = Lane(model, RunningBatch(model.causal_lm), max_batch_size=max_batch_size, memory=KVMemory(10**9))
    generations = [Generation(request) for request in requests]
    pieces, errors = {id(generation): [] for generation in generations}, {}
    for generation in generations:
        lane.enqueue(generation)
    while lane.busy:
        for generation, more, error in lane.turn():
            pieces[id(generation)] += more
            if error is not None:
                errors[id(generation)] = error
    found = {key: ("".join(piece.text for piece in row), row[-1].finish_reason) for key, row in pieces.items() if row}
    return [(found | errors)[id(generation)] for generation in generations]


def request(constraint, *, seed=0, temperature=1.0, prompt="Say: ", max_new_tokens=300, sampling=None, **fields):
    sampling = SamplingParams(temperature=temperature, seed=seed, **(sampling or {}))
    return GenerationRequest(
        prompt=prompt, max_new_tokens=max_new_tokens, sampling=sampling, constraint=constraint, **fields
    )


def texts(model, constraints, **fields):
    """What is written under each constraint; all of it to its end."""
    found = outcomes(model, [request(each, seed=seed, **fields) for seed, each in enumerate(constraints)])
    assert {reason for _, reason in found} == {"stop"}
    return [text for text, _ in found]


def drawn_by(make):
    return [make(Random(seed)) for seed in range(CASES)]  # noqa: S311 - test data


def test_random_choices(model):
    drawn = drawn_by(cases.choices)
    found = texts(model, map(choice_constraint, drawn))
    assert [case for case in zip(drawn, found, strict=True) if case[1] not in case[0]] == []


def test_random_regular_expressions(model):
    drawn = drawn_by(partial(cases.regex, depth=3))
    found = texts(model, map(regex_constraint, drawn))
    assert [case for case in zip(drawn, found, strict=True) if not re.fullmatch(*case)] == []


def test_random_schemas(model):
    drawn = drawn_by(cases.schema)
    found = texts(model, map(json_constraint, drawn), max_new_tokens=900)
    assert [
        (schema, text)
        for schema, text in zip(drawn, found, strict=True)
        if not cases.conforms(json.loads(text), schema, schema["$defs"]) or "\n" in text
    ] == []


def test_random_grammars(model):
    drawn = drawn_by(cases.grammar)
    written = [cases.written(rules, lark=place % 2 == 0) for place, rules in enumerate(drawn)]
    found = texts(model, map(grammar_constraint, written), max_new_tokens=900)
    wrong = [case for case in zip(drawn, found, strict=True) if not cases.follows(case[1], case[0])]
    assert wrong == []


def test_every_way_of_choosing_keeps_to_the_constraint(model):
    ways = [
        {"temperature": 0.0},
        {"sampling": {"top_k": 1}},
        {"sampling": {"top_p": 0.01}},
        {"sampling": {"min_p": 0.9}},
        {"temperature": 0.0, "sampling": {"logit_bias": dict.fromkeys(range(2048), -100.0)}},
        {
            "temperature": 0.0,
            "sampling": {"presence_penalty": 2.0, "frequency_penalty": 2.0, "repetition_penalty": 2.0},
        },
        {"min_tokens": 50},
        {"ignore_end": True},
        {"ignore_end": True, "skip_special_tokens": False},
        {"incremental": True},
    ]
    found = outcomes(model, [request(choice_constraint(COLOURS), **way) for way in ways])
    assert [(text in COLOURS, reason) for text, reason in found] == [(True, "stop")] * len(ways)


def test_a_text_that_may_end_or_go_on_goes_on_while_the_end_is_not_wanted(model):
    lengths = [request(regex_constraint("a{1,40}"), seed=seed, ignore_end=True) for seed in range(5)]
    assert outcomes(model, lengths) == [("a" * 40, "stop")] * 5
    begun = [request(regex_constraint("a+"), seed=seed, min_tokens=6) for seed in range(5)]
    assert all(len(text) >= 6 for text, _ in outcomes(model, begun))


def test_a_text_to_which_nothing_can_be_added_ends_without_another_token(model):
    found = outcomes(model, [request(choice_constraint([text]), max_new_tokens=1) for text in ("a", "")])
    assert found == [("a", "stop"), ("", "stop")]


def test_guided_rows_leave_the_others_alone(model):
    free = [request(None, seed=seed, max_new_tokens=30) for seed in range(6)]
    alone = outcomes(model, free)
    guided = [request(choice_constraint(COLOURS), seed=seed) for seed in range(6)]
    mixed = outcomes(model, [row for pair in zip(free, guided, strict=True) for row in pair], max_batch_size=5)
    assert mixed[::2] == alone
    assert all(text in COLOURS for text, _ in mixed[1::2])


def test_a_row_that_fails_leaves_the_others_alone(model, monkeypatch):
    guides = model.tokenizer.guides
    make = guides.guide
    failing = regex_constraint("(?:fail)+")

    def guide(constraint, **fields):
        made = make(constraint, **fields)
        if constraint is failing:
            consume = made.consume
            made.consume = lambda token: (consume(token), consume(7))  # which no constraint here allows
        return made

    monkeypatch.setattr(guides, "guide", guide)
    error, (text, reason) = outcomes(model, [request(failing), request(choice_constraint(COLOURS))])
    assert (error.status_code, text in COLOURS, reason) == (400, True, "stop")
    assert error.message.startswith("The guided text cannot be generated: ")
    assert "<state>" not in error.message


def test_a_grammar_with_too_many_ways_to_read_a_text_ends_soon(model):
    """It would take ten seconds a token, in which nobody else gets any."""
    grammar = grammar_constraint('start: e\ne: e e | e e e | /[a-z ]/ | e "+" e |')
    (outcome,) = outcomes(model, [request(grammar, max_new_tokens=40)])
    assert isinstance(outcome, GenerationError)
    assert "Too many items" in outcome.message


def test_a_grammar_of_no_text_is_refused(model):
    (error,) = outcomes(model, [request(grammar_constraint("start: start"))])
    assert (error.status_code, error.message) == (400, "The guided text cannot be generated: It allows no text.")


def test_recursion_and_any_object(model):
    tree = {
        "$ref": "#/$defs/tree",
        "$defs": {
            "tree": {
                "type": "object",
                "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/tree"}, "maxItems": 1}},
                "required": ["children"],
                "additionalProperties": False,
            }
        },
    }
    found = outcomes(model, [request(json_constraint(tree), seed=seed, temperature=3.0) for seed in range(20)])
    opened = '{"children":['
    for text, reason in found:
        text = text.replace(" ", "")  # noqa: PLW2901 - spaces are free
        depth = text.count(opened)
        whole = opened * depth + "]}" * depth
        # Or cut where there is no more room: deeper than this model cares to end.
        assert (
            text == whole if reason == "stop" else whole.startswith(text) or (opened * (depth + 1)).startswith(text)
        ), text
    assert any(reason == "stop" for _, reason in found)
    found = outcomes(model, [request(json_object_constraint(), seed=seed) for seed in range(20)])
    assert all(isinstance(json.loads(text), dict) for text, reason in found if reason == "stop")
    assert any(reason == "stop" for _, reason in found)


def test_text_that_looks_like_special_tokens(model):
    tool = ToolSignature("count", JsonSchema.of({"const": {"a": [1]}}))
    (call,) = texts(model, [ToolCallConstraint(tools=(tool,), parallel=False)])
    assert re.fullmatch(r'<tool_call>\{"name": "count", "arguments": \{"a": ?\[1\]\}\}</tool_call>', call)
    assert texts(model, [choice_constraint(["<|user|>"]), regex_constraint("x<[|]end[|]>y")]) == [
        "<|user|>",
        "x<|end|>y",
    ]


def test_a_model_without_an_end_token(endless_model):
    endless = LoadedModel.load(endless_model, torch.device("cpu"))
    found = texts(endless, [choice_constraint(COLOURS), regex_constraint("(?:ab){1,3}")] * 5, skip_special_tokens=False)
    assert all(text in COLOURS or re.fullmatch("(?:ab){1,3}", text) for text in found)


@pytest.mark.parametrize("size", [100, 2048, 3000])
def test_models_with_fewer_or_more_tokens_than_their_tokenizer(model, size):
    allowed = model.tokenizer.guides.guide(regex_constraint("[a-z]+")).allowed(size)
    assert (len(allowed), bool(allowed[:100].any()), bool(allowed[2048:].any())) == (size, True, False)


def test_constraints_are_compiled_once_and_a_few_are_kept(model, monkeypatch):
    guides, count = model.tokenizer.guides, 0
    compile_ = guides._compile

    def counted(grammar):
        nonlocal count
        count += 1
        return compile_(grammar)

    monkeypatch.setattr(guides, "_compile", counted)
    texts(model, [choice_constraint(["once", "twice"])] * 5)
    assert count == 1
    for number in range(200):
        guides.guide(choice_constraint([str(number)]))
    assert len(guides._compiled) == 128


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"guided_json": {"not": {"type": "null"}}}, 'guided_json: Unimplemented keys: ["not"]'),
        ({"guided_json": {"type": "strng"}}, "guided_json: Invalid type: strng"),
        ({"guided_json": {"type": "array", "uniqueItems": True}}, 'guided_json: Unimplemented keys: ["uniqueItems"]'),
        ({"guided_json": {"x-guidance": {"lenient": True}, "if": {}}}, 'guided_json: Unimplemented keys: ["if"]'),
        ({"guided_json": {"$ref": "#/$defs/no"}}, "guided_json: Pointer '/$defs/no' does not exist"),
        ({"guided_json": {"$ref": "#"}}, "guided_json: It allows no text."),
        ({"guided_json": {"enum": ["\ud800"]}}, "guided_json: unexpected end of hex escape"),
        ({"guided_json": "{"}, "guided_json: This is not JSON: "),
        ({"guided_json": "[]"}, "guided_json: A JSON schema must be an object."),
        ({"guided_regex": "(a"}, 'guided_regex: at 1(8): invalid regex "(a"'),
        ({"guided_regex": "a(?=b)"}, 'guided_regex: at 1(8): invalid regex "a(?=b)"'),
        ({"guided_regex": "[^\\s\\S]"}, "guided_regex: It allows no text."),
        ({"guided_choice": []}, "guided_choice: There must be at least one choice."),
        (
            {"guided_choice": ["a", "\udc00"]},
            "guided_choice: It contains an unpaired surrogate, which is not valid text.",
        ),
        ({"guided_grammar": "root ::= (((" * 3000}, "guided_grammar: "),
        ({"guided_grammar": "root ::= b"}, "guided_grammar: Rule 'b' not found"),
        ({"guided_grammar": 'start: "a" b'}, 'guided_grammar: at 1(8): unknown name: "b"'),
        ({"guided_grammar": 'root ::= "\\ud800"'}, "guided_grammar: \\ud800 is not a valid character."),
        ({"guided_grammar": "?"}, "guided_grammar: 1("),
        (
            {"guided_json": {}, "guided_regex": ""},
            "Only one of guided_json, guided_choice, guided_regex, guided_grammar",
        ),
    ],
)
def test_reasons(fields, reason):
    with pytest.raises(ConstraintError) as caught:
        guided_constraint(fields)
    assert str(caught.value).startswith(reason)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_gbnf_that_the_converter_would_spoil(model):
    grammar = 'root ::= letter "\\u00e9\\U0001F600" # one | two\n  | "#|" "\\x2f"\nletter ::= [\\u0041-\\x43]\n'
    found = texts(model, [grammar_constraint(grammar)] * 20)
    assert set(found) <= {"Aé😀", "Bé😀", "Cé😀", "#|/"}
    assert len(set(found)) > 1
