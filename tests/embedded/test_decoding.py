import subprocess
import sys

import numpy as np
import pytest

from harness.embedded.checkpoint import load_base
from harness.embedded.decoding import Choice, Decoder, generate
from harness.embedded.network import Batch, Network, NetworkConfig

TOKENIZER, BASE = load_base()
PROMPT = TOKENIZER.prompt([{"role": "user", "content": "Describe the lamp."}])


def sample(**options: object) -> list[Choice]:
    return generate(BASE, PROMPT, end=TOKENIZER.end, **options)  # type: ignore[arg-type]


def nll(network: Network, ids: list[int]) -> float:
    """Of every token but the first, by the full forward pass."""
    return network.loss(Batch.of([(ids, [1] * len(ids))], network.config.context)).nll


def test_cached_logits_equal_the_full_forward_pass() -> None:
    config = NetworkConfig(vocabulary=31, width=8, layers=2, heads=2, context=12)
    start = Network.initial(config, seed=0).weights.astype(np.float64)
    network = Network(config, start + np.random.default_rng(0).normal(0, 0.1, start.shape))
    ids = np.random.default_rng(1).integers(0, 31, 12).tolist()
    decoder = Decoder(network, capacity=12)
    logits = [decoder.advance(np.array([ids[:5]]))]
    logits += [decoder.advance(np.array([[token]])) for token in ids[5:]]
    chosen = [row[0] - np.log(np.exp(row[0]).sum()) for row in logits[:-1]]
    stepwise = -sum(row[token] for row, token in zip(chosen, ids[5:], strict=True))
    assert stepwise == pytest.approx(nll(network, ids) - nll(network, ids[:5]), abs=1e-10)


def test_reported_logprobs_are_those_of_the_full_forward_pass() -> None:
    (choice,) = sample(seed=3, max_tokens=20)
    whole = nll(BASE, [*PROMPT, *choice.ids]) - nll(BASE, PROMPT)
    assert -sum(choice.logprobs) == pytest.approx(whole, abs=1e-3)


def test_the_same_seed_gives_the_same_choices() -> None:
    assert sample(n=4, seed=5) == sample(n=4, seed=5)
    assert sample(n=4, seed=5) != sample(n=4, seed=6)


def test_an_answer_is_the_same_in_another_process() -> None:
    program = (
        "from harness.embedded.checkpoint import load_base\n"
        "from harness.embedded.decoding import generate\n"
        "tokenizer, base = load_base()\n"
        "prompt = tokenizer.prompt([{'role': 'user', 'content': 'Describe the lamp.'}])\n"
        "print(repr(generate(base, prompt, end=tokenizer.end, n=3, seed=5)))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == repr(sample(n=3, seed=5))


def test_without_a_seed_every_call_is_different() -> None:
    assert sample(n=8) != sample(n=8)


def test_temperature_zero_takes_the_likeliest_token() -> None:
    (choice,) = sample(temperature=0, top_logprobs=2)
    assert choice.ids == tuple(ranked[0][0] for ranked in choice.top_logprobs)
    assert choice == sample(temperature=0, top_logprobs=2, seed=9)[0]


def test_a_tiny_nucleus_takes_the_likeliest_token() -> None:
    greedy = sample(temperature=0)[0].ids
    assert {choice.ids for choice in sample(n=5, seed=1, top_p=1e-9)} == {greedy}
    assert sample(seed=1, top_p=0)[0].ids == greedy


def test_sampled_tokens_follow_the_reported_probabilities() -> None:
    draws = sample(n=4000, seed=2, max_tokens=1, top_logprobs=3)
    for token, logprob in draws[0].top_logprobs[0]:
        seen = sum(choice.ids[:1] == (token,) for choice in draws) / len(draws)
        assert seen == pytest.approx(np.exp(logprob), abs=0.03)


def test_a_choice_ends_before_the_end_token_or_at_the_limit() -> None:
    (short,) = sample(max_tokens=2, temperature=0)
    (whole,) = sample(max_tokens=40, temperature=0)
    assert (short.finish_reason, len(short.ids)) == ("length", 2)
    assert whole.finish_reason == "stop"
    assert TOKENIZER.end not in whole.ids
    assert len(whole.ids) == len(whole.logprobs) == len(whole.top_logprobs)


def test_top_logprobs_are_ranked_and_include_the_greedy_token() -> None:
    (choice,) = sample(temperature=0, top_logprobs=5, max_tokens=3)
    for ranked, logprob in zip(choice.top_logprobs, choice.logprobs, strict=True):
        values = [value for _, value in ranked]
        assert values == sorted(values, reverse=True)
        assert values[0] == logprob


def test_a_long_prompt_loses_its_start() -> None:
    room = BASE.config.context - 8
    assert generate(BASE, PROMPT * 50, end=1, seed=0, max_tokens=8) == generate(
        BASE, (PROMPT * 50)[-room:], end=1, seed=0, max_tokens=8
    )


def test_a_limit_beyond_the_context_still_leaves_one_token_of_the_prompt() -> None:
    (choice,) = generate(BASE, PROMPT, end=-1, max_tokens=10_000, temperature=0)
    assert len(choice.ids) == BASE.config.context - 1
