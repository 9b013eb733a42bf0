"""Running both sides against one server, and what each says of every sample and eval."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.graders.table import needs_judge
from harness.records import EvalSpec
from harness.registry import Registry
from harness.registry.places import cached_data

MODEL = "gpt-3.5-turbo"
"""A name that the reference sends to the chat endpoint; nobody by that name is asked."""

SCRIPT = Path(__file__).with_name("reference_side.py")
Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Job:
    """Which evals both sides run, and from which registry folders.

    ``models`` are what ``oaieval`` takes: one, or several with commas and a judge at the end.
    ``rows`` stand for every data set that evals load from elsewhere: question, answers, label.
    """

    registries: tuple[Path, ...]
    evals: tuple[str, ...]
    max_samples: int | None = None
    rows: Path | None = None
    models: str = MODEL


@dataclass(frozen=True)
class Side:
    """What one side's logs say: by eval the verdict on each sample, and the final metrics.

    ``events`` are all events of each sample, less their numbers and times. ``problems`` says of
    an eval why it did not run.
    """

    verdicts: dict[str, Mapping[str, Facts]]
    events: dict[str, Mapping[str, Sequence[str]]]
    reports: dict[str, Facts]
    problems: Mapping[str, str] = field(default_factory=dict)


# --- the reference package -----------------------------------------------------------


def reference_side(job: Job, base_url: str, folder: Path) -> Side:
    """Run the reference package in one process and read its logs."""
    (folder / "logs").mkdir(parents=True)
    order = folder / "job.json"
    order.write_text(json.dumps(_order(job, folder / "logs")))
    _run([sys.executable, str(SCRIPT), str(order)], base_url, folder)
    problems = json.loads((folder / "logs" / "problems.json").read_text())
    return side_of_logs(folder / "logs", [n for n in job.evals if n not in problems], problems)


def _order(job: Job, logs: Path) -> dict[str, Any]:
    return {
        "registries": list(map(str, job.registries)),
        "logs": str(logs),
        "evals": job.evals,
        "models": job.models,
        "max_samples": job.max_samples,
        "rows": str(job.rows) if job.rows else None,
    }


# --- the harness ---------------------------------------------------------------------


def our_side(job: Job, base_url: str, folder: Path) -> Side:
    """Run ``harness run`` once with all names and read its logs."""
    specs = {spec.name: spec for spec in Registry(job.registries).evals(job.evals)}
    command = [sys.executable, "-m", "harness", "run", *job.evals, "--out", str(folder)]
    command += ["--model", MODEL, "--base-url", base_url]
    command += [f"--registry={path}" for path in job.registries]
    if any(needs_judge(spec) for spec in specs.values()):
        command += ["--judge", MODEL]
    if job.max_samples:
        command += ["--max-samples", str(job.max_samples)]
    folder.mkdir(parents=True)
    _place_rows(job, specs.values(), folder)
    _run(command, base_url, folder)
    return side_of_logs(folder / "logs", list(specs))


def drop_in_side(job: Job, base_url: str, folder: Path) -> Side:
    """Run ``harness oaieval`` once for each name, with the flags that the reference gets."""
    (folder / "logs").mkdir(parents=True)
    for name in job.evals:
        command = [sys.executable, "-m", "harness", "oaieval", job.models, name]
        command += ["--record_path", str(folder / "logs" / f"{name}.jsonl")]
        command += [f"--registry_path={path}" for path in job.registries]
        if job.max_samples:
            command += ["--max_samples", str(job.max_samples)]
        _run(command, base_url, folder)
    return side_of_logs(folder / "logs", job.evals)


def _place_rows(job: Job, specs: Iterable[EvalSpec], home: Path) -> None:
    """Put the rows where a data set lies that was loaded before."""
    for spec in specs:
        if spec.fetched_from and job.rows:
            place = cached_data(home / ".cache" / "harness" / "data", spec.fetched_from)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(job.rows, place)


# --- processes and logs --------------------------------------------------------------


def _run(command: Sequence[str], base_url: str, home: Path) -> None:
    """Run one side; the user's own registry and keys stay out of it."""
    wanted = {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": base_url, "HOME": str(home)}
    environment = {**os.environ, **wanted, "EVALS_SHOW_EVAL_PROGRESS": "", "EVALS_THREADS": "10"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[:4]} failed: {done.stderr[-2000:]}")


def side_of_logs(
    folder: Path, names: Sequence[str], problems: Mapping[str, str] | None = None
) -> Side:
    """What ``<name>.jsonl`` of each name says; each counts under the eval that it is of.

    An alias is thereby followed to its end, as the side that wrote the log followed it.
    """
    side = Side({}, {}, {}, problems or {})
    for name in names:
        with (folder / f"{name}.jsonl").open("rb") as file:
            lines = [json.loads(line) for line in file]
        eval_name = lines[0]["spec"]["eval_name"]
        side.verdicts[eval_name] = verdicts(lines)
        side.events[eval_name] = events(lines)
        side.reports[eval_name] = next(x["final_report"] for x in lines if "final_report" in x)
    return side


def verdicts(lines: Sequence[Facts]) -> dict[str, Facts]:
    """The marks of each sample under the names that OpenAI evals gives them."""
    found: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for line in lines:
        data = line.get("data", {})
        if line.get("type") == "match":
            found[line["sample_id"]]["accuracy"] = float(data["correct"])
        elif line.get("type") in ("metrics", "error"):
            found[line["sample_id"]].update(data)
    return dict(found)


def events(lines: Sequence[Facts]) -> dict[str, list[str]]:
    """All events of each sample as sorted texts: threads write them in any order."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for line in lines:
        if "type" in line:
            found[line["sample_id"]].append(
                json.dumps([line["type"], line["data"]], sort_keys=True)
            )
    return {sample: sorted(texts) for sample, texts in found.items()}
