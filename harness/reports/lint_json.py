"""Renders a LintReport as JSON for programs; lint.schema.json beside this file describes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.records import Finding
from harness.reports.json import plain
from harness.reports.lint_document import LintReport

LINT_SCHEMA_VERSION = 1
LINT_SCHEMA = Path(__file__).with_name("lint.schema.json")
OWN_FIELDS = ("value", "threshold", "count", "lines", "examples", "method", "repair")
"""Evidence that every finding has; the rest stands under ``evidence``."""


def render_lint_json(report: LintReport) -> str:
    """Return the report with keys in a fixed order; numbers that are not finite become null."""
    values: dict[str, Any] = plain(report)
    values["findings"] = [_finding(finding) for finding in report.findings]
    values = {"schema_version": LINT_SCHEMA_VERSION, **values}
    return json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _finding(finding: Finding) -> dict[str, Any]:
    own = {name: plain(finding.evidence.get(name)) for name in OWN_FIELDS}
    more = {k: plain(v) for k, v in finding.evidence.items() if k not in OWN_FIELDS}
    shown = {"rule": finding.rule, "severity": finding.severity, "message": plain(finding.message)}
    return {**shown, **own, "evidence": more}
