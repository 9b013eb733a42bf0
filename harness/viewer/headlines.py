"""What a report came to, in a line for each eval, read from report.json."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, get_args

import orjson

from harness.errors import RunFolderError
from harness.records import Advice, Estimate, GateOutcome
from harness.reports import verdicts, wording
from harness.reports.sections import Picked
from harness.reports.verdicts import Kind

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Headline:
    """An eval's line: the best score, what it is against the base model, and the advice.

    ``advice`` is its shortest form and ``kind`` which sort it is; "" and None where a run gives
    none. ``after`` is the score of the model that the advice says to use, or of the best one.
    ``than`` is what ``diversity`` is held against: base, or the references; ``seeds`` says, of
    several seeds, which one the numbers are of, and the mean of all.
    """

    eval: str
    model: str
    metric: str
    after: Estimate | None = None
    before: Estimate | None = None
    delta: Estimate | None = None
    diversity: Estimate | None = None
    than: str = ""
    kind: Kind | None = None
    advice: str = ""
    sentence: str = ""
    epochs: float | None = None
    seeds: str = ""

    @property
    def sense(self) -> str:
        """Which way it went against the base model: better, worse or level."""
        if self.delta is None or not wording.known_interval(self.delta):
            return "level"
        return "better" if self.delta.low > 0 else "worse" if self.delta.high < 0 else "level"


@dataclass(frozen=True, slots=True)
class Told:
    """What a report says, as far as lists and histories show it."""

    title: str
    headlines: tuple[Headline, ...]
    models: tuple[str, ...]
    gate: GateOutcome | None = None
    policy: str = ""
    cost_usd: float | None = None
    created_at: str | None = None
    findings: tuple[str, ...] = ()


def told_by(path: Path) -> Told:
    """Read a report.json.

    Raises:
        RunFolderError: it cannot be read, or is no report.
    """
    try:
        report = orjson.loads(path.read_bytes())
        return _told(report)
    except OSError as error:
        raise RunFolderError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunFolderError(
            f"{path}: is no report of this harness; write it anew: harness report {path.parent}"
        ) from error


def _told(report: Json) -> Told:
    results = report["evals"]
    gate = report.get("gate") or {}
    outcome = gate.get("outcome")
    provenance = report["provenance"]
    return Told(
        title=str(report["title"]),
        headlines=tuple(_headline(report, name) for name in _evals(report)),
        models=tuple(dict.fromkeys(str(result["model"]) for result in results)),
        gate=outcome if outcome in get_args(GateOutcome) else None,
        policy=str(gate.get("policy", "")),
        cost_usd=provenance.get("cost_usd"),
        created_at=provenance.get("created_at"),
        findings=tuple(
            str(f["message"]) for f in report["findings"] if f["severity"] in {"warn", "block"}
        ),
    )


def _evals(report: Json) -> Iterable[str]:
    return dict.fromkeys(str(result["name"]) for result in report["evals"])


def _headline(report: Json, name: str) -> Headline:
    results = [one for one in report["evals"] if one["name"] == name]
    compared = [one for one in report["comparisons"] if one["eval"] == name]
    advices = [_advice(one) for one in report["advice"] if one["eval"] == name]
    lead = verdicts.leading(advices)
    own = [one for one in compared if one["metric"] == compared[0]["metric"]]
    wanted = (lead.checkpoint, lead.model) if lead else ()
    chosen = next((c for model in wanted for c in own if c["tuned"] == model), None)
    if chosen is None and own and lead is None:
        chosen = max(own, key=lambda one: one["tuned_score"]["value"])
    if chosen is None:
        return _of_score(name, results, lead)
    change = chosen.get("diversity") or {}
    diversity = change.get("ratio")
    told = Headline(
        eval=name,
        model=str(chosen["tuned"]),
        metric=str(chosen["metric"]),
        after=estimate(chosen["tuned_score"]),
        before=estimate(chosen["base_score"]),
        delta=estimate(chosen["delta"]),
        diversity=estimate(diversity) if diversity else None,
        than=str(change.get("than") or ""),
        epochs=_epochs(results, str(chosen["tuned"])),
        seeds=_seeds(results, own, str(chosen["tuned"])),
    )
    return _advised(told, lead)


def _advised(told: Headline, lead: Advice | None) -> Headline:
    if lead is None:
        return told
    return replace(
        told, kind=verdicts.kind(lead), advice=wording.chip(lead), sentence=wording.headline(lead)
    )


def _of_score(name: str, results: Sequence[Json], lead: Advice | None) -> Headline:
    """Where nothing was compared: the best of the models, on the metric that comes first."""
    scored = [(one, key) for one in results for key in list(one["metrics"])[:1]]
    best = max(scored, key=lambda pair: pair[0]["metrics"][pair[1]]["value"] or 0, default=None)
    if best is None:
        return _advised(Headline(name, "", ""), lead)
    result, key = best
    unit = result.get("units", {}).get(key, "share")
    after = estimate(result["metrics"][key]) if unit == "share" else None
    told = Headline(name, str(result["model"]), key, after, epochs=result.get("epochs"))
    return _advised(told, lead)


def _epochs(results: Sequence[Json], model: str) -> float | None:
    return next((one.get("epochs") for one in results if one["model"] == model), None)


def _seeds(results: Sequence[Json], own: Sequence[Json], model: str) -> str:
    """'seed 2; mean of 3 seeds 95%'; empty where there are not several."""
    about = {str(one["model"]): (one.get("epochs"), one.get("seed")) for one in results}
    epochs, seed = about.get(model, (None, None))
    alike = [str(c["tuned"]) for c in own if about.get(str(c["tuned"]), (None,))[0] == epochs]
    alike = [name for name in alike if about[name][1] is not None]
    scores = [c["tuned_score"]["value"] for c in own if str(c["tuned"]) in alike]
    if epochs is None or seed is None or len(alike) < 2 or None in scores:
        return ""
    return Picked(seed, len(scores), sum(scores) / len(scores), is_best=False).short


def _advice(raw: Json) -> Advice:
    nested = {"evidence", "next_run", "dissent", "behind_base"}
    known = {field.name for field in fields(Advice)} - nested
    behind = raw.get("behind_base")
    return Advice(
        **{k: v for k, v in raw.items() if k in known},
        evidence=(),
        behind_base=estimate(behind) if behind else None,
    )


def estimate(raw: Json) -> Estimate | None:
    """An estimate as report.json has it; None where its value is not finite."""
    value = raw["value"]
    if value is None:
        return None
    low, high = (value if raw[key] is None else raw[key] for key in ("low", "high"))
    return Estimate(float(value), float(low), float(high), int(raw["n"]), str(raw["method"]))
