from __future__ import annotations

import math
from collections import Counter

import pytest

from llmengine_integrations.engine.runtime.generation import SamplingParams

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.engine

from llmengine_integrations.engine.runtime.torch_runtime.sampling import Sampler, choose  # noqa: E402 - after importorskip

LOGITS = torch.tensor([2.0, 1.0, 0.0, -1.0])
DRAWS = 4000


def distribution(logits=LOGITS, **params: object) -> dict[int, float]:
    sampler = Sampler(SamplingParams(seed=1, **params))
    drawn = Counter(choose(logits[None], [sampler])[0].token for _ in range(DRAWS))
    return {token: count / DRAWS for token, count in drawn.items()}


def softmax(*logits: float) -> list[float]:
    return torch.tensor(logits).softmax(-1).tolist()


def test_temperature_zero_takes_the_likeliest():
    assert distribution() == {0: 1.0}


@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test_draws_follow_the_distribution(temperature):
    drawn = distribution(temperature=temperature)
    wanted = softmax(*(LOGITS / temperature).tolist())
    assert [drawn.get(token, 0.0) for token in range(4)] == pytest.approx(wanted, abs=0.03)


@pytest.mark.parametrize("temperature", [1e-40, 1e-6])
def test_a_tiny_temperature_does_not_overflow(temperature):
    assert distribution(logits=LOGITS * 1000, temperature=temperature) == {0: 1.0}


def test_top_k_leaves_the_likeliest_and_renormalises():
    drawn = distribution(temperature=1.0, top_k=2)
    assert [drawn[0], drawn[1]] == pytest.approx(softmax(2.0, 1.0), abs=0.03)
    assert set(drawn) == {0, 1}


def test_top_k_larger_than_the_vocabulary_is_no_filter():
    assert set(distribution(temperature=1.0, top_k=99)) == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("top_p", "kept"), [(1e-9, {0}), (0.64, {0}), (0.65, {0, 1}), (0.9, {0, 1, 2}), (1.0, {0, 1, 2, 3})]
)
def test_top_p_keeps_the_fewest_that_reach_it(top_p, kept):
    # probabilities 0.644, 0.237, 0.087, 0.032
    assert set(distribution(temperature=1.0, top_p=top_p)) == kept


def test_top_p_counts_what_top_k_left():
    # of two tokens the first has 0.73
    assert set(distribution(temperature=1.0, top_k=2, top_p=0.7)) == {0}


@pytest.mark.parametrize(("min_p", "kept"), [(0.0, {0, 1, 2, 3}), (0.3, {0, 1}), (0.5, {0}), (1.0, {0})])
def test_min_p_is_a_share_of_the_likeliest(min_p, kept):
    # shares of the likeliest: 1, 0.37, 0.14, 0.05
    assert set(distribution(temperature=1.0, min_p=min_p)) == kept


def test_repetition_penalty_counts_the_prompt_and_what_was_chosen():
    params = SamplingParams(repetition_penalty=4.0)
    assert choose(LOGITS[None], [Sampler(params, prompt=[0])])[0].token == 1
    sampler = Sampler(params)
    # 2 becomes 0.5, then 1 becomes 0.25
    assert [choose(LOGITS[None], [sampler])[0].token for _ in range(3)] == [0, 1, 0]
    # a negative one is multiplied, so that it gets less likely too
    assert choose(torch.tensor([[-1.0, -3.0]]), [Sampler(params, prompt=[0])])[0].token == 1


def test_logit_bias_adds_and_ignores_tokens_that_are_none():
    sampler = Sampler(SamplingParams(logit_bias={3: 100.0, 99: 100.0}))
    assert choose(LOGITS[None], [sampler])[0].token == 3


def test_banned_tokens_come_back():
    sampler = Sampler(SamplingParams(banned=frozenset({0, 1}), banned_until=2))
    assert [choose(LOGITS[None], [sampler])[0].token for _ in range(4)] == [2, 2, 0, 0]


def test_banned_tokens_that_are_none_ban_nothing():
    for banned in ({9, -1, 10**30}, {0, 9}):
        params = SamplingParams(banned=frozenset(banned), banned_until=1)
        assert choose(LOGITS[None], [Sampler(params)])[0].token == (1 if 0 in banned else 0)


def test_top_log_probs_are_the_models_own():
    rows = [
        Sampler(SamplingParams(top_log_probs=count, temperature=1.0, seed=0), log_probs=True) for count in (2, 0, 9)
    ]
    first, second, third = choose(LOGITS.expand(3, 4), rows)
    wanted = LOGITS.log_softmax(-1).tolist()
    assert [token for token, _ in first.top] == [0, 1]
    assert [log_prob for _, log_prob in first.top] == pytest.approx(wanted[:2])
    assert second.top == ()
    assert [log_prob for _, log_prob in third.top] == pytest.approx(wanted)


def test_presence_penalty_counts_once_and_frequency_penalty_every_time():
    def tokens(**penalties: float) -> list[int]:
        sampler = Sampler(SamplingParams(**penalties))
        return [choose(LOGITS[None], [sampler])[0].token for _ in range(6)]

    assert tokens() == [0] * 6
    assert tokens(presence_penalty=1.5) == [0, 1, 0, 0, 0, 0]
    # 0 falls by 0.6 each time, 1 catches up, and so on
    assert tokens(frequency_penalty=0.6) == [0, 0, 1, 0, 1, 0]


def test_rows_keep_their_own_settings():
    rows = [
        Sampler(SamplingParams()),
        Sampler(SamplingParams(temperature=1.0, top_k=1, seed=0)),
        Sampler(SamplingParams(presence_penalty=2.0)),
        Sampler(SamplingParams(temperature=1.0, seed=5)),
    ]
    logits = torch.stack([LOGITS, LOGITS.flip(0), LOGITS, LOGITS])
    first = [choice.token for choice in choose(logits, rows)]
    second = [choice.token for choice in choose(logits, rows)]
    assert (first[:3], second[:3]) == ([0, 3, 0], [0, 3, 1])


def test_log_probs_ignore_penalty_temperature_and_filters():
    params = SamplingParams(temperature=0.1, top_k=1, frequency_penalty=2.0, seed=0)
    sampler = Sampler(params, log_probs=True)
    choices = [choose(LOGITS[None], [sampler])[0] for _ in range(3)]
    wanted = LOGITS.log_softmax(-1).tolist()
    assert [choice.log_prob for choice in choices] == pytest.approx([wanted[choice.token] for choice in choices])
    assert len({choice.token for choice in choices}) > 1


def test_only_rows_that_ask_get_log_probs():
    rows = [Sampler(SamplingParams()), Sampler(SamplingParams(), log_probs=True)]
    assert [choice.log_prob is None for choice in choose(LOGITS.expand(2, 4), rows)] == [True, False]


def test_a_broken_model_gives_numbers_that_json_can_hold():
    sampler = Sampler(SamplingParams(), log_probs=True)
    choice = choose(torch.full((1, 4), math.nan), [sampler])[0]
    assert choice.log_prob == -9999.0


def test_without_a_seed_draws_differ():
    uniform = torch.zeros(1, 1000)
    drawn = {choose(uniform, [Sampler(SamplingParams(temperature=1.0))])[0].token for _ in range(20)}
    assert len(drawn) > 10
