"""Policies: what they may say, and how a wrong one is told with its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.analysis.stats import score_test
from harness.errors import RegistryError
from harness.records import Policy, Price, Rule
from harness.registry import load_registry
from harness.registry.policies import share_of

WHOLE = """
alpha: 0.1
combine: any
inconclusive: warn
graded: 95%
samples: 100
prices: {prompt: 0.15, completion: 0.6}
evals:
  "orders.*":
    non_inferior: {margin: 2%}
    superior: true
    gain: 0.05
    floor: 80%
    ceilings: {latency_p95_s: 2, failure_share: 1%, cost_usd: 0.001, tokens: 400}
    must_pass: [orders.heldout.0]
    diversity: {loss: 10%}
    metrics:
      hallucination: {direction: lower, non_inferior: {margin: 1pp}, ceiling: 5%}
forgetting:
  general.*: {within: 3 points}
"""


def read(tmp_path: Path, text: str) -> Policy:
    file = tmp_path / "team.yaml"
    file.write_text(text)
    return load_registry().policy(file)


def complaint(tmp_path: Path, text: str) -> str:
    with pytest.raises(RegistryError) as raised:
        read(tmp_path, text)
    return str(raised.value).removeprefix(f"{tmp_path}/")


def test_a_policy_says_everything_that_a_team_may_ask(tmp_path: Path) -> None:
    policy = read(tmp_path, WHOLE)
    assert (policy.name, policy.alpha, policy.combine) == ("team", 0.1, "any")
    assert (policy.inconclusive, policy.graded, policy.samples) == ("warn", 0.95, 100)
    assert policy.prices == Price(0.15, 0.6)
    assert [(rule.demand, rule.metric, rule.limit) for rule in policy.rules] == [
        ("non_inferior", "", 0.02),
        ("superior", "", 0.0),
        ("gain", "", 0.05),
        ("floor", "", 0.8),
        ("ceiling", "failure_share", 0.01),
        ("ceiling", "latency_p95_s", 2.0),
        ("ceiling", "cost_usd", 0.001),
        ("ceiling", "tokens", 400.0),
        ("must_pass", "", 0.0),
        ("diversity", "", 0.1),
        ("non_inferior", "hallucination", 0.01),
        ("ceiling", "hallucination", 0.05),
        ("forgetting", "", 0.03),
    ]
    assert policy.rules[-1] == Rule("forgetting", "general.*", 0.03)
    assert policy.rules[-2].lower_is_better


def test_the_short_form_names_the_margin_itself(tmp_path: Path) -> None:
    assert read(tmp_path, 'evals: {"*": {non_inferior: 2%}}').rules == (
        Rule("non_inferior", "*", 0.02),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "team:\n  evals:\n    a.*:\n      non_inferior: true\n",
            "team.yaml:4: policy 'team': evals: a.*: non_inferior: 'margin' is missing",
        ),
        (
            "team:\n  evals:\n    a.*:\n      non_inferior: {margn: 2}\n",
            "team.yaml:4: policy 'team': evals: a.*: non_inferior: margn: unknown key; "
            "did you mean 'margin'?",
        ),
        (
            "team:\n  evals:\n    a.*:\n      floor: 0.8\n      gain: 5\n",
            "team.yaml:5: policy 'team': evals: a.*: gain: expected a share from 0 to 0.99, "
            "such as 0.02 or 2%, found 5",
        ),
        (
            "team:\n  evals:\n    a.*: {superior: true}\n  inconclusiv: warn\n",
            "team.yaml:4: policy 'team': inconclusiv: unknown key; did you mean 'inconclusive'?",
        ),
        (
            "team:\n  evals:\n    a.*:\n      ceilings:\n        latency: 2\n",
            "team.yaml:5: policy 'team': evals: a.*: ceilings: latency: unknown key",
        ),
        (
            "evals:\n  a.*: {superior: true}\nalpha: 0.7\n",
            "team.yaml:3: policy 'team': alpha: expected a number above 0 and below 0.5",
        ),
        ("team: {description: nothing}\n", "team.yaml:1: policy 'team': asks for nothing"),
        ("evals:\n  a.*: {}\n", "team.yaml:2: policy 'team': evals: a.*: asks for nothing"),
        (
            "evals:\n  a.*:\n    ceilings: {cost_usd: 1}\n",
            "a ceiling on 'cost_usd' needs 'prices'",
        ),
        ("evals: [a]\n", "team.yaml:1: policy 'team': evals: expected a mapping"),
        ("evals: {a: 3}\n", "team.yaml:1: policy 'team': evals: a: expected a mapping"),
        (
            "forgetting:\n  general.*: true\n",
            "team.yaml:2: policy 'team': forgetting: general.*: 'within' is missing",
        ),
        ("one: {evals: {}}\ntwo: {evals: {}}\n", "holds the policies one, two; choose one"),
    ],
)
def test_a_wrong_policy_is_named_with_its_line_and_key(
    tmp_path: Path, text: str, said: str
) -> None:
    assert said in complaint(tmp_path, text)


def test_our_own_examples_can_be_read() -> None:
    registry = load_registry()
    for name in registry.names("policies"):
        assert registry.policy(name).rules


def test_an_unknown_policy_names_what_is_near() -> None:
    with pytest.raises(RegistryError, match="no policy 'no-wors'; did you mean 'no-worse'"):
        load_registry().policy("no-wors")


STUDY = """
mine:
  provider: embedded
  base: tiny-base
  training_data: orders/train.jsonl
  evals: [orders.heldout.v1]
  tune: {epochs: [1]}
  policy:
"""


def test_a_study_holds_its_policy(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(STUDY + '    evals: {"orders.*": {superior: true}}\n')
    policy = load_registry().study(file).policy
    assert policy is not None
    assert (policy.name, policy.rules) == ("mine", (Rule("superior", "orders.*"),))


def test_a_study_names_a_policy_of_the_registry(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(STUDY.rstrip() + " no-worse\n")
    policy = load_registry().study(file).policy
    assert policy is not None
    assert policy.name == "no-worse"


def test_a_wrong_policy_in_a_study_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(STUDY + '    evals: {"orders.*": {superor: true}}\n')
    with pytest.raises(RegistryError, match=r"s\.yaml:9: study 'mine': policy: evals: orders"):
        load_registry().study(file)


@pytest.mark.parametrize(
    ("written", "share"),
    [(0.03, 0.03), ("3%", 0.03), ("3pp", 0.03), ("3 points", 0.03), ("0.03", 0.03), ("3x", None)],
)
def test_a_share_is_written_as_people_do(written: object, share: float | None) -> None:
    assert share_of(written) == (None if share is None else pytest.approx(share))


def test_the_policy_of_the_docs_is_one(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "gate.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    example = next(block for block in blocks if block.startswith("alpha:"))
    assert len(read(tmp_path, example).rules) == 11


@pytest.mark.parametrize(("limit", "enough"), [(0.02, 149), (0.01, 299)])
def test_the_docs_say_how_many_samples_show_that_nothing_happens(limit: float, enough: int) -> None:
    assert score_test([0.0] * enough, limit, bounds=(0.0, 1.0)).p_below <= 0.05
    assert score_test([0.0] * (enough - 1), limit, bounds=(0.0, 1.0)).p_below > 0.05
