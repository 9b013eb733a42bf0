"""Parity with the reference package `evals` over its whole registry, through a real HTTP server.

``python benchmarks/bench_parity.py [--max-samples N] [--registry PATH] [--name PATTERN]``

Both sides ask the same server (``benchmarks/parity``), whose answers are a pure function of what
is asked. Equal means: the verdict on every sample, every final metric, every log event, less
numbers and times. The requests of all evals together are compared with their sampling
parameters. ``--max-samples 0`` takes all samples (700,000 lines of data: about an hour).
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.parity.comparison import differences, shown, unequal_events
from benchmarks.parity.proof import OWN, ROWS, Proof, prove, runnable
from benchmarks.parity.sides import Job
from harness.registry import NATIVE, Registry

NO_DATA = "its data are not in the package"
NOT_NATIVE = "solver-based, agentic or multimodal: not native"
NATIVE_NAMES = {name.rpartition(":")[2] for name in NATIVE}
Skip = tuple[str, str]


@dataclass
class Row:
    """How the evals of one class came out; ``reasons`` say why some did not run."""

    equal: int = 0
    different: int = 0
    samples: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


def table(proof: Proof, known: Registry, skipped: Mapping[str, str]) -> dict[str, Row]:
    """One row a class, the largest first."""
    rows: dict[str, Row] = {}
    for name, reason in skipped.items():
        kind = "(other classes)" if reason == NOT_NATIVE else class_of(known, name)
        rows.setdefault(kind, Row()).reasons[reason] += 1
    for name in proof.names:
        row = rows.setdefault(class_of(known, name), Row())
        sides = proof.theirs, proof.ours
        unequal = differences(name, *sides) or unequal_events(name, *sides)
        row.different += bool(unequal)
        row.equal += not unequal
        row.samples += len(proof.theirs.verdicts[name])
    return dict(sorted(rows.items(), key=lambda pair: -pair[1].samples))


def class_of(known: Registry, name: str) -> str:
    """The short name of an eval's class."""
    raw = known.resolve(name).raw
    return str(raw.get("class", "none")).rpartition(":")[2]


def skipped(known: Registry, asked: set[str], problems: Mapping[str, str]) -> Iterator[Skip]:
    """Every other eval of the registry, with why it is not compared."""
    for name, entry in known.entries().items():
        if entry.alias_of is None and (name in problems or name not in asked):
            yield name, problems.get(name) or why_not(known, name)


def why_not(known: Registry, name: str) -> str:
    """Why our side cannot run an eval, or why one model is not enough."""
    problem = known.describe(name).problem
    if problem is None:
        return "compares the answers of several models"
    return NO_DATA if class_of(known, name) in NATIVE_NAMES else NOT_NATIVE


def show(rows: Mapping[str, Row], proof: Proof, seconds: float) -> None:
    """Print the table, then what differs."""
    print(f"{'class':24}{'equal':>7}{'different':>11}{'not run':>9}{'samples':>9}  why not")
    for name, row in rows.items():
        why = "; ".join(f"{reason} ({count})" for reason, count in row.reasons.most_common())
        missing = row.reasons.total()
        print(f"{name:24}{row.equal:7}{row.different:11}{missing:9}{row.samples:9}  {why}")
    for difference in proof.differences()[:20]:
        print(f"  {str(difference)[:300]}")
    theirs, ours = proof.unequal_requests()
    asked = {side: counter.total() for side, counter in proof.asked.items()}
    print(f"requests: {asked}, only theirs {theirs.total()}, only ours {ours.total()}")
    print(*shown(theirs), *shown(ours), sep="\n", end="")
    print(f"{seconds:.0f} s")


def main(arguments: list[str] | None = None) -> int:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    options.add_argument("--max-samples", type=int, default=25, help="0: all")
    options.add_argument("--registry", type=Path, default=reference_registry())
    options.add_argument("--name", default="*", help="a pattern of eval names")
    given = options.parse_args(arguments)
    if given.registry is None:
        print("the reference package evals is not installed: nothing to compare with")
        return 0
    known, started = Registry([given.registry, OWN]), time.perf_counter()
    wanted = set(known.matching([given.name]))
    names = tuple(spec.name for spec in runnable(known) if spec.name in wanted)
    job = Job(known.roots, names, given.max_samples or None, ROWS)
    with TemporaryDirectory() as folder:
        proof = prove(job, Path(folder))
    others = skipped(known, set(names), proof.theirs.problems)
    rows = table(proof, known, {name: why for name, why in others if name in wanted})
    show(rows, proof, time.perf_counter() - started)
    theirs, ours = proof.unequal_requests()
    unequal = sum(row.different for row in rows.values())
    return int(bool(unequal or theirs or ours))


def reference_registry() -> Path | None:
    """Where the reference package's registry lies, found without importing it."""
    spec = importlib.util.find_spec("evals")
    folders = list(spec.submodule_search_locations or []) if spec else []
    return Path(folders[0]) / "registry" if folders else None


if __name__ == "__main__":
    sys.exit(main())
