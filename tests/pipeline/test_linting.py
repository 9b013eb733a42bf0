from __future__ import annotations

import json
from pathlib import Path

from harness.pipeline.linting import training_findings
from harness.records import Sample


def training_file(path: Path, pairs: list[tuple[str, str]]) -> Path:
    file = path / "train.jsonl"
    turns = (
        [{"role": "user", "content": p}, {"role": "assistant", "content": a}] for p, a in pairs
    )
    file.write_text("".join(json.dumps({"messages": t}) + "\n" for t in turns))
    return file


def sample(number: int, prompt: str, ideal: str) -> Sample:
    return Sample(f"a.b.{number}", ({"role": "user", "content": prompt},), (ideal,))


PAIRS = [(f"is number {n * 7919} odd, and why {n}?", ("yes", "no")[n % 2]) for n in range(60)]


def test_clean_training_data_say_nothing(tmp_path: Path) -> None:
    held = [sample(n, f"what about {n * 104729} then?", ("yes", "no")[n % 2]) for n in range(40)]
    found = training_findings(training_file(tmp_path, PAIRS), held, "one-answer")
    assert [finding for finding in found if finding.severity == "block"] == []


def test_contradicting_labels_veto_where_one_answer_is_right(tmp_path: Path) -> None:
    torn = [*PAIRS, *((prompt, "maybe") for prompt, _ in PAIRS)]
    path = training_file(tmp_path, torn)
    (finding,) = (f for f in training_findings(path, [], "one-answer") if f.severity == "block")
    assert finding.rule == "conflicts"
    assert finding.message.startswith("training data, conflicts: ")
    assert len(finding.evidence["lines"]) == 20
    assert not [f for f in training_findings(path, [], "open") if f.severity == "block"]


def test_leaks_are_left_to_the_rule_that_looks_at_scores(tmp_path: Path) -> None:
    held = [sample(n, prompt, answer) for n, (prompt, answer) in enumerate(PAIRS)]
    found = training_findings(training_file(tmp_path, PAIRS), held, "one-answer")
    (leak,) = (finding for finding in found if finding.rule == "leaked prompts")
    assert leak.severity == "warn"
