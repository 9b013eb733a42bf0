from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from harness.openai_evals.logs import read_log, regraded
from harness.pipeline.questions.logs import log_names, safe_name


def test_one_model_needs_no_name_and_several_do() -> None:
    asked = [("a.dev.v0", "m"), ("b.dev.v0", "m"), ("b.dev.v0", "ft:gpt-4o:me::x")]
    assert log_names(asked) == [
        "a.dev.v0.jsonl",
        "b.dev.v0.m.jsonl",
        "b.dev.v0.ft_gpt-4o_me_x.jsonl",
    ]


def test_names_that_would_meet_get_another() -> None:
    names = log_names([("e", "a/b"), ("e", "a:b"), ("e", "A:B"), ("e.a_b", "x")])
    assert len({name.casefold() for name in names}) == 4


@given(st.text())
def test_no_name_leaves_the_folder(name: str) -> None:
    safe = safe_name(name)
    assert safe
    assert not set(safe) & set("/\\:\0")
    assert safe not in (".", "..")
    assert len(safe) < 100


def test_every_eval_and_model_of_a_run_has_a_log_that_reads_like_its_journal(
    undisturbed: Path,
) -> None:
    logs = sorted((undisturbed / "logs").iterdir())
    assert len(logs) == 5  # the base model, two seeds at two epoch counts
    for path in logs:
        log = read_log(path)
        assert log.eval_name == "small-orders.test.v1"
        assert len(log.samples) == 20
        assert regraded(log) == log.final_report
