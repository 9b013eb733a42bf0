"""What was found in files of texts as plain data: the shape of ``harness diversity --json``."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.analysis.diversity import Repeat
from harness.pipeline.texts.diversity import Compared, Copies, FileReport, Looking
from harness.records import Estimate

SCHEMA_VERSION = 1


def as_data(
    reports: Sequence[FileReport], compared: Sequence[Compared], looking: Looking
) -> dict[str, Any]:
    """Everything as plain data, in the shape that docs/diversity.md describes."""
    return {
        "schema_version": SCHEMA_VERSION,
        "embeddings": looking.embedder.name if looking.embedder else None,
        "files": [file_data(report) for report in reports],
        "comparisons": [comparison_data(one) for one in compared],
    }


def file_data(report: FileReport) -> dict[str, Any]:
    """One file's part."""
    source, measured = report.source, report.profile
    keys = list(source.groups)
    return {
        "name": source.name,
        "read_as": source.layout,
        "grouped_by": source.grouped_by or None,
        "texts": measured.texts,
        "prompts": measured.prompts,
        "k": dict(zip(("fewest", "median", "most"), measured.k, strict=True)),
        "tokenizer": measured.tokenizer,
        "lengths": {f"p{round(100 * q)}": value for q, value in measured.lengths.items()},
        "short": measured.short,
        "left_out": dict(source.left_out),
        "problems": list(source.problems),
        "metrics": [
            {
                "metric": row.metric,
                "scope": row.scope,
                **estimate_data(row.estimate),
                "excluded": row.excluded,
                "more_diverse": row.more_diverse,
            }
            for row in measured.rows
        ],
        "omitted": dict(measured.omitted),
        "repeated_ngrams": [repeat_data(repeat) for repeat in report.repeats],
        "openings": [repeat_data(repeat) for repeat in report.openings],
        "duplicates": [
            {"text": one.text, "count": one.count, "prompts": one.prompts}
            for one in report.duplicates
        ],
        "least_varied": [
            {
                "prompt": source.asked.get(keys[one.place], keys[one.place]),
                "k": one.k,
                "distinct_k": one.different,
                "duplicate_rate": one.duplicate_rate,
                "self_bleu": finite(one.self_bleu),
                "commonest": one.commonest,
                "same": one.same,
            }
            for one in report.worst
        ],
        "copies": None if report.copies is None else copies_data(report.copies),
        "notes": list(report.notes),
    }


def repeat_data(repeat: Repeat) -> dict[str, Any]:
    """A repeated sequence."""
    return {
        "text": repeat.text,
        "count": repeat.count,
        "texts": repeat.texts,
        "prompts": repeat.prompts,
        "share": repeat.share,
        "prompt_share": repeat.prompt_share,
    }


def copies_data(found: Copies) -> dict[str, Any]:
    """What was copied."""
    return {
        "run": found.run,
        "training_texts": found.training,
        "prompts_excused": found.excused,
        "copied": found.copied,
        "rate": estimate_data(found.rate),
        "examples": [
            {"text": one.text, "training": one.training, "run": one.run, "tokens": one.tokens}
            for one, _ in found.examples
        ],
    }


def comparison_data(one: Compared) -> dict[str, Any]:
    """One comparison's part."""
    found = one.by_prompt or one.as_wholes
    match = found.match if found else None
    return {
        "name": one.name,
        "yardstick": one.yardstick,
        "paired_by": one.pairing,
        "why_unpaired": one.why or None,
        "prompts": one.prompts,
        "unmatched": {"yardstick": one.unmatched[0], "name": one.unmatched[1]},
        "verdict": found.verdict if found else None,
        "metrics": metric_data(one),
        "copying": None if one.copying is None else estimate_data(one.copying),
        "rarefied": [
            {
                "metric": f"distinct_{row.n}",
                "value": estimate_data(row.tuned),
                "yardstick": estimate_data(row.base),
                "ratio": estimate_data(row.ratio),
            }
            for row in one.rarefied
        ],
        "match": match
        and {
            "length_difference_tokens": estimate_data(match.length_difference),
            "truncated": {"name": match.truncated_a, "yardstick": match.truncated_b},
            "dropped": {"name": match.dropped_a, "yardstick": match.dropped_b},
        },
    }


def metric_data(one: Compared) -> list[dict[str, Any]]:
    """The metrics of a comparison."""
    if one.by_prompt is not None:
        return [
            {
                "metric": row.metric,
                "value": estimate_data(row.tuned),
                "yardstick": estimate_data(row.base),
                "difference": estimate_data(row.difference),
                "ratio": estimate_data(row.ratio),
                "holm_p": finite(row.adjusted_p),
                "excluded": row.excluded,
                "verdict": row.verdict,
            }
            for row in one.by_prompt.metrics
        ]
    rows = one.as_wholes.rows if one.as_wholes else ()
    return [
        {
            "metric": row.metric,
            "value": estimate_data(row.tuned),
            "yardstick": estimate_data(row.base),
            "difference": estimate_data(row.difference),
            "holm_p": finite(row.adjusted_p),
            "more_diverse": row.more_diverse,
            "verdict": row.verdict,
        }
        for row in rows
    ]


def estimate_data(estimate: Estimate) -> dict[str, Any]:
    """A value with its interval; null where there is none."""
    return {
        "value": finite(estimate.value),
        "low": finite(estimate.low),
        "high": finite(estimate.high),
        "n": estimate.n,
        "method": estimate.method,
    }


def finite(value: float) -> float | None:
    """The number, None where it is none."""
    return value if math.isfinite(value) else None


# --- as a table ----------------------------------------------------------------------

COLUMNS = (
    "file",
    "against",
    "metric",
    "scope",
    "value",
    "low",
    "high",
    "n",
    "excluded",
    "method",
    "holm_p",
    "verdict",
)
"""Of the table: a row a file and metric; with ``against``, the difference from that file."""


def table_rows(
    reports: Sequence[FileReport], compared: Sequence[Compared]
) -> Iterator[Mapping[str, Any]]:
    """One row a file and metric, then one a comparison and metric."""
    for report in reports:
        for row in report.profile.rows:
            yield {
                "file": report.source.name,
                "metric": row.metric,
                "scope": row.scope,
                **estimate_data(row.estimate),
                "excluded": row.excluded,
            }
    for one in compared:
        scope = "all texts" if one.by_prompt is None else "per prompt"
        for found in metric_data(one):
            yield {
                "file": one.name,
                "against": one.yardstick,
                "metric": found["metric"],
                "scope": f"difference {scope}",
                **found["difference"],
                "excluded": found.get("excluded"),
                "holm_p": found["holm_p"],
                "verdict": found["verdict"],
            }
