"""The gate counts documents as the reports do: those that samples share, whoever names none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.analysis.gate import Evidence, Side, judged
from harness.records import Policy, Rule

N = 160
KEYS = tuple(f"s{i}" for i in range(N))
POLICY = Policy("p", (Rule("non_inferior", "*", 0.05),))


def evidence(clusters: dict[str, str]) -> Evidence:
    """No answer changed: on independent samples that is proof enough, on 20 documents it is not."""
    side = Side("base", N, N, {"": dict.fromkeys(KEYS, 1.0)})
    return Evidence(
        eval="planted.test.v1",
        samples=KEYS,
        tuned=replace(side, model="tuned"),
        base=side,
        clusters=clusters,
    )


def outcome(clusters: dict[str, str]) -> str:
    return judged(POLICY, [evidence(clusters)], lambda pattern, name: True).outcome


SHARED = {key: f"document {i // 8}" for i, key in enumerate(KEYS)}


@pytest.mark.parametrize("clusters", [{}, {key: key for key in KEYS}])
def test_samples_that_share_no_document_are_independent(clusters: dict[str, str]) -> None:
    assert outcome(clusters) == "pass"


@pytest.mark.parametrize("unnamed", [(), ("s0",)])
def test_shared_documents_count_even_where_a_sample_names_none(unnamed: tuple[str, ...]) -> None:
    assert outcome({k: v for k, v in SHARED.items() if k not in unnamed}) == "inconclusive"
