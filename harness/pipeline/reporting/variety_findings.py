"""What a report says of variety in words: losses, what could have been shown, and lengths."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any

from harness.analysis.diversity import DiversityComparison, MetricComparison
from harness.analysis.diversity.matching import MatchReport
from harness.pipeline.measuring.variety import Variety, judged_rows, label
from harness.records import Finding
from harness.reports import wording

RULE = "diversity"
ONE_RUN = "; of one training run: another seed may differ as much"
INCOHERENT = ", which mostly misses the task"


def findings(variety: Variety) -> tuple[Finding, ...]:
    """For every epoch count, or model of unknown epochs, its diversity and its length."""
    return tuple(
        finding
        for when, epochs, comparisons in _states(variety)
        if comparisons
        for finding in (
            _diversity(variety, when, epochs, comparisons),
            _length(when, epochs, comparisons),
        )
        if finding
    )


def _states(
    variety: Variety,
) -> Iterator[tuple[str, float | None, Mapping[str, DiversityComparison]]]:
    """What is told of: how it is called, its epochs if known, and its comparisons."""
    for epochs in variety.track.epochs:
        plural = "" if epochs == 1 else "s"
        yield f"after {epochs:g} epoch{plural}", epochs, variety.after(epochs).comparisons
    for model in variety.track.experiment.others:
        if variety.track.of(model) is not None:
            found = {name: variety.against(model, name) for name in ("base", "references")}
            yield model, None, {name: compared for name, compared in found.items() if compared}


# --- diversity -----------------------------------------------------------------------


def _diversity(
    variety: Variety,
    when: str,
    epochs: float | None,
    comparisons: Mapping[str, DiversityComparison],
) -> Finding:
    """What every comparison says; a warning where the answers fell behind what was expected."""
    told = [
        _told(compared, _name_of(variety, name, epochs)) for name, compared in comparisons.items()
    ]
    alarming = {
        name
        for name, compared in comparisons.items()
        if compared.verdict == "less diverse" and (name != "base" or variety.base_is_coherent)
    }
    return Finding(
        RULE,
        "warn" if alarming else "info",
        f"{when}: {'; '.join(told)}{_caution(variety, epochs, comparisons)}",
        {"epochs": epochs, **{name: _plain(compared) for name, compared in comparisons.items()}},
    )


def _caution(
    variety: Variety, epochs: float | None, comparisons: Mapping[str, DiversityComparison]
) -> str:
    """What prompts cannot tell: how far two runs of one recipe lie apart."""
    is_one = epochs is not None and len(variety.track.at(epochs)) == 1
    is_shown = any(compared.verdict != "not shown" for compared in comparisons.values())
    return ONE_RUN if is_one and is_shown else ""


def _name_of(variety: Variety, name: str, epochs: float | None) -> str:
    if name == "references":
        return "the reference answers"
    if name == "base":
        return "the base model" + ("" if variety.base_is_coherent else INCOHERENT)
    earlier = [e for e in variety.track.epochs if epochs is not None and e < epochs]
    return f"the checkpoint before ({earlier[-1]:g})"


def _told(compared: DiversityComparison, than: str) -> str:
    if compared.verdict == "not shown":
        return f"no loss shown against {than} ({_shortfall(compared)})"
    rows = [row for row in compared.metrics if row.verdict == compared.verdict]
    row = max(rows, key=lambda row: abs(math.log(row.ratio.value)) if row.ratio.value else math.inf)
    return f"{compared.verdict} than {than} ({_ratio(row)})"


def _ratio(row: MetricComparison) -> str:
    ratio = row.ratio
    return f"{label(row.metric)} x{ratio.value:.2f}, {ratio.low:.2f} to {ratio.high:.2f}"


def _shortfall(compared: DiversityComparison) -> str:
    """How large a loss these prompts would have shown."""
    drop = compared.detectable_drop
    if drop is None:
        prompts = max((row.difference.n for row in compared.metrics), default=0)
        return f"{prompts} prompt{'' if prompts == 1 else 's'} are too few to show any"
    return f"one of {drop:.0%} would have been"


def _plain(compared: DiversityComparison) -> dict[str, Any]:
    """A comparison as plain data, for those who read findings by program."""
    return {
        "verdict": compared.verdict,
        "ratios": {row.metric: row.ratio.value for row in judged_rows(compared)},
        "adjusted_p": {row.metric: row.adjusted_p for row in compared.metrics if row.is_judged},
        "detectable_drop": compared.detectable_drop,
        "across_prompts": {row.metric: row.difference.value for row in compared.across},
        "xz_compression_ratio": compared.compression,
    }


# --- length --------------------------------------------------------------------------


def _length(
    when: str, epochs: float | None, comparisons: Mapping[str, DiversityComparison]
) -> Finding | None:
    """Differences in length, which every diversity metric would mistake for collapse."""
    compared = comparisons.get("base")
    if compared is None:
        return None
    match = compared.match
    length = match.length_difference
    if math.isnan(length.value) or length.low <= 0 <= length.high:
        return None
    direction = "longer" if length.value > 0 else "shorter"
    return Finding(
        "answer length",
        "info",
        f"{when}: answers are {abs(length.value):.1f} words {direction} than the base model's; "
        + cut_told(match, "the tuned model's", "the base's"),
        {
            "epochs": epochs,
            "difference_words": length.value,
            "truncated": [match.truncated_a, match.truncated_b],
            "dropped": [match.dropped_a, match.dropped_b],
        },
    )


def cut_told(match: MatchReport, tuned: str, base: str, *, unit: str = "word") -> str:
    """What was compared of answers of unlike length, in words."""
    cut, left_out = (match.truncated_a, match.truncated_b), (match.dropped_a, match.dropped_b)
    if not any((*cut, *left_out)):
        return "diversity was compared on all of every answer"
    tokens = wording.counted(round(median(match.tokens)), unit)
    return (
        f"diversity was compared on the first {tokens} of each answer (median over prompts), "
        f"since longer ones look less diverse: {cut[0]:.0%} of {tuned} answers and {cut[1]:.0%} "
        f"of {base} go on beyond that, {left_out[0]:.0%} and {left_out[1]:.0%} are left out as "
        "too short or too many"
    )
