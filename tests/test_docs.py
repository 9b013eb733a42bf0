"""What the docs say is what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from harness.analysis import diversity
from harness.analysis.rules import TABLE
from harness.linting import LINTS
from harness.models.recorded import RecordedProvider
from harness.records import Request, Sampling

DOCS = Path(__file__).parents[1] / "docs"


def test_the_documented_decision_table_is_the_one_that_runs() -> None:
    text = (DOCS / "advice.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and line[2].isdigit()]
    expected = [
        f"| {r.number} | {r.evidence} | {r.diagnosis} | {r.action} | {r.confidence} |"
        for r in TABLE
    ]
    assert rows == expected


def test_the_documented_lints_are_those_that_run() -> None:
    text = (DOCS / "lint.md").read_text(encoding="utf-8")
    _, _, table = text.partition("| lint | what is looked at |")
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    expected = [
        f"| {r.rule} | {r.method} | {r.limits.text()} | {r.repair} | {r.guide or '–'} |"
        for r in LINTS
    ]
    assert rows == expected


def test_the_documented_names_of_diversity_are_those_that_it_has() -> None:
    text = (DOCS / "diversity.md").read_text(encoding="utf-8")
    _, _, after = text.partition("### All names")
    names = re.findall(r"`(\w+)(?:\([\w, ]*\))?`", after.partition("\n## ")[0])
    assert sorted(names) == sorted(diversity.__all__)
    assert all(hasattr(diversity, name) for name in names)


async def test_the_documented_lines_of_recorded_answers_are_read(tmp_path: Path) -> None:
    text = (DOCS / "recorded.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    (tmp_path / "answers.jsonl").write_text(example)
    brief, four = {"role": "system", "content": "Be brief."}, {"role": "user", "content": "2+2?"}
    other = ({"role": "user", "content": "something else"},)
    asked = {
        "yes": Request("m", ({"role": "user", "content": "Say yes"},)),
        "4": Request("m", (brief, four)),
        "red blue": Request("m", other, Sampling(n=2), sample_id="demo.dev.2"),
        "Lyon": Request("tuned", other, sample_id="demo.dev.3"),
    }
    async with RecordedProvider(tmp_path / "answers.jsonl") as provider:
        for answer, request in asked.items():
            found = await provider.complete(request)
            assert " ".join(completion.text for completion in found) == answer
