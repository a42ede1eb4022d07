"""The goals, each a ratio of what one run measured, or a difference, or a figure of a process of its own."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

Costs: TypeAlias = dict[str, dict[str, list[float]]]
"""By scenario and contender, one figure a round: CPU microseconds a call or a token."""


@dataclass(frozen=True)
class Goal:
    """At most so much of something else's cost.

    Attributes:
        name: As the design counts them.
        what: What is compared.
        ours: Scenario and contender.
        other: The same, or several: then their sum is taken off instead, and the goal is in microseconds.
        least: What must be reached.
        aim: What we aim at.
    """

    name: str
    what: str
    ours: tuple[str, str]
    other: tuple[tuple[str, str], ...]
    least: float
    aim: float | None = None

    def figures(self, costs: Costs) -> list[float]:
        """One figure a round."""
        ours = costs[self.ours[0]][self.ours[1]]
        others = [costs[scenario][contender] for scenario, contender in self.other]
        if len(others) == 1:
            return [a / b for a, b in zip(ours, others[0], strict=True)]
        return [a - sum(rest) for a, *rest in zip(ours, *others, strict=True)]

    @property
    def unit(self) -> str:
        """What the figures are."""
        return " x" if len(self.other) == 1 else " us"


def _against(
    name: str, what: str, key: str, rows: Sequence[tuple[str, str, float, float | None]], who: str
) -> list[Goal]:
    return [
        Goal(name, f"{what}, beside {title}", (key, who), ((key, other),), least, aim)
        for other, title, least, aim in rows
    ]


_UPSTREAM, _FLOOR, _OPENAI = "upstream", "floor", "openai_sdk"

GOALS: list[Goal] = [
    *_against(
        "G1",
        "blocking call",
        "call",
        [(_UPSTREAM, "upstream", 0.45, 0.35), ("plain_http", "httpx.Client", 0.80, None)],
        "ours",
    ),
    *_against(
        "G2",
        "256 at once",
        "c256",
        [(_UPSTREAM, "upstream", 1 / 2, 1 / 3.5), ("plain_http", "aiohttp", 1 / 0.6, 1 / 0.9)],
        "ours",
    ),
    Goal("G3", "a call at 1,000 at once, beside one at 64", ("c1000", "ours"), (("c64", "ours"),), 1.3, 1.1),
    Goal("G3", "64 at once, beside upstream", ("c64", "ours"), (("c64", _UPSTREAM),), 1.0),
    Goal("G3", "1,000 at once, beside upstream", ("c1000", "ours"), (("c1000", _UPSTREAM),), 1.0),
    *_against(
        "G4",
        "256 at once",
        "c256",
        [(_OPENAI, "openai", 1 / 4, 1 / 10), ("openai_aiohttp", "openai over aiohttp", 1 / 2, 1 / 4)],
        "ours",
    ),
    *_against(
        "G5",
        "blocking stream, 16 kB chunks",
        "sc",
        [(_FLOOR, "the floor", 1.2, 0.6), (_UPSTREAM, "upstream", 0.25, None), (_OPENAI, "openai", 0.06, None)],
        "ours",
    ),
    *_against(
        "G5",
        "awaited stream, 16 kB chunks",
        "ac",
        [(_FLOOR, "the floor", 1.2, 0.6), (_UPSTREAM, "upstream", 0.25, None), (_OPENAI, "openai", 0.06, None)],
        "ours",
    ),
    *_against(
        "G6",
        "awaited stream, one event a chunk",
        "a1",
        [(_FLOOR, "the floor", 1.3, 1.05), (_UPSTREAM, "upstream", 0.3, None)],
        "ours",
    ),
    *_against("G7", "blocking stream, one event a chunk", "s1", [(_UPSTREAM, "upstream", 0.85, 0.35)], "ours"),
    *_against("G8", "64 streams, one event a wake-up", "paced", [("plain_http", "aiohttp and json", 1.1, 1.0)], "ours"),
    Goal(
        "G9",
        "LangChain `invoke`, above LangChain alone and the bare call",
        ("invoke", "langchain_ours"),
        (("invoke", "langchain_floor"), ("call", "ours")),
        100,
        60,
    ),
    *_against(
        "G9",
        "LangChain `invoke`",
        "invoke",
        [("langchain_openai_llm", "langchain-openai's OpenAI", 0.45, 0.33)],
        "langchain_ours",
    ),
    *_against(
        "G10",
        "LangChain `stream`, a token",
        "stream",
        [
            ("langchain_floor", "LangChain alone", 2.2, 1.8),
            ("langchain_openai_llm", "langchain-openai's OpenAI", 0.12, None),
        ],
        "langchain_ours",
    ),
    *_against(
        "G10",
        "LangChain `astream`, a token",
        "astream",
        [
            ("langchain_floor", "LangChain alone", 2.2, 1.8),
            ("langchain_openai_llm", "langchain-openai's OpenAI", 0.12, None),
        ],
        "langchain_ours",
    ),
    *_against(
        "G11",
        "LangChain `abatch` of 256",
        "abatch",
        [("langchain_floor", "LangChain alone", 4, 3), ("langchain_openai_chat", "ChatOpenAI", 0.1, None)],
        "langchain_ours",
    ),
    Goal(
        "G11",
        "LangChain `abatch` of 256, beside upstream's bare calls",
        ("abatch", "langchain_ours"),
        (("c256", _UPSTREAM),),
        0.45,
    ),
    *_against(
        "G12",
        "LlamaIndex `complete`",
        "complete",
        [("llama_index_openai_like", "OpenAILike", 0.45, 0.3)],
        "llama_index_ours",
    ),
    *_against(
        "G12",
        "LlamaIndex `stream_complete`",
        "stream_complete",
        [("llama_index_openai_like", "OpenAILike", 0.15, 0.12)],
        "llama_index_ours",
    ),
    *_against(
        "G12",
        "LlamaIndex, 256 `acomplete`",
        "acomplete",
        [("llama_index_openai_like", "OpenAILike", 0.1, 0.05)],
        "llama_index_ours",
    ),
]


@dataclass(frozen=True)
class Result:
    """A goal with what was measured."""

    name: str
    what: str
    least: float
    aim: float | None
    unit: str
    figures: list[float]

    @property
    def median(self) -> float:
        """The figure that counts."""
        return statistics.median(self.figures)

    @property
    def verdict(self) -> str:
        """Whether it was met."""
        if self.aim is not None and self.median <= self.aim:
            return "met, aim too"
        return "met" if self.median <= self.least else "**not met**"


def results(costs: Costs) -> list[Result]:
    """Every goal for which everything was measured."""
    known = {(scenario, contender) for scenario, found in costs.items() for contender in found}
    return [
        Result(goal.name, goal.what, goal.least, goal.aim, goal.unit, goal.figures(costs))
        for goal in GOALS
        if {goal.ours, *goal.other} <= known
    ]
