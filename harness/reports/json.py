"""Renders a Document as JSON for programs; report.schema.json beside this file describes it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from harness.records import Check, Finding, Gate, Round
from harness.reports import gates
from harness.reports.document import Document, Result

SCHEMA_VERSION = 1
SCHEMA = Path(__file__).with_name("report.schema.json")


def render_json(document: Document) -> str:
    """Return the report with keys in a fixed order; numbers that are not finite become null."""
    report = plain(_report(document))
    return json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _report(document: Document) -> dict[str, Any]:
    sections = document.sections
    return {
        "schema_version": SCHEMA_VERSION,
        "generated_by": f"finetune-harness {document.provenance.harness_version}",
        "title": document.title,
        "description": document.description,
        "evals": [_result(result) for section in sections for result in section.results],
        "comparisons": [compared for section in sections for compared in section.comparisons],
        "advice": [advice for section in sections for advice in section.advice],
        "gate": gate_of(document.gate) if document.gate else None,
        "findings": list(_findings(document)),
        "exclusions": [
            {"eval": section.eval, **plain(exclusion)}
            for section in sections
            for exclusion in section.exclusions
        ],
        "repetitions": [
            {"eval": section.eval, **plain(repetition)}
            for section in sections
            for repetition in section.repetitions
        ],
        "copies": [
            {"eval": section.eval, **plain(copy)} for section in sections for copy in section.copies
        ],
        "prompts": [section.prompting for section in sections if section.prompting],
        "data_gains": [section.data_gain for section in sections if section.data_gain],
        "break_evens": [found for section in sections for found in section.break_evens],
        "confusions": [
            {"eval": section.eval, **plain(found)}
            for section in sections
            for found in section.confusions
        ],
        "provenance": document.provenance,
        "performance": document.performance,
        "rounds": [_round(one) for one in document.rounds],
    }


def _round(one: Round) -> dict[str, Any]:
    """A round flat, with what its advice comes to."""
    values: dict[str, Any] = plain(one)
    values.pop("advice")
    told = one.advice
    about = {"recommend": told.recommend, "action": told.action, "rule": told.rule}
    chosen = {"checkpoint": told.checkpoint, "checkpoint_epoch": told.checkpoint_epoch}
    return {**values, **plain({**about, "diagnosis": told.diagnosis, **chosen})}


def _result(result: Result) -> dict[str, Any]:
    values: dict[str, Any] = plain(result)
    return {"name": values.pop("eval"), **values}


def gate_of(gate: Gate) -> dict[str, Any]:
    """A gate as plain data, every check with its rule and both in words."""
    return {
        "outcome": gate.outcome,
        "policy": plain(gate.policy),
        "alpha": plain(gate.alpha),
        "inconclusive": gate.inconclusive,
        "checks": [_check(check) for check in gate.checks],
    }


def render_gate_json(gate: Gate) -> str:
    """Return the gate alone, as it stands in a report."""
    return json.dumps(gate_of(gate), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _check(check: Check) -> dict[str, Any]:
    values: dict[str, Any] = plain(check)
    rule = values.pop("rule")
    words = {"asked": plain(gates.asked(check)), "found": plain(gates.found(check))}
    return {"eval": values.pop("eval"), **rule, **values, **words}


def _findings(document: Document) -> Iterator[dict[str, Any]]:
    """Findings of the whole study first (eval null), then those of each eval."""
    yield from _of(None, document.findings)
    for section in document.sections:
        yield from _of(section.eval, section.findings)


def _of(eval: str | None, findings: Iterable[Finding]) -> Iterator[dict[str, Any]]:
    for finding in findings:
        yield {"eval": eval, **plain(finding)}


def plain(value: Any) -> Any:
    """Plain JSON data; nouns become objects in the order of their fields."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if hasattr(value, "tolist"):  # numpy's numbers and arrays
        return plain(value.tolist())
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {plain(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return plain(str(value))
