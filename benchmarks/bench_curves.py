"""Advice from curves alone, beside ftdoctor and trainproof on the same generated runs.

``python benchmarks/bench_curves.py [--runs N] [--python PATH]``

Every run is an output folder of a trainer, with a state and the checkpoints that were kept. The
others are installed into an environment of their own under the temporary folder (or found in
--python's); without them only our column is filled. Seeded. Fails where ours misses a goal.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peers.environment import peer_python

from harness.finetuning.runs import read_run
from harness.pipeline.finished.jobs import advice_of
from harness.records import Advice

PACKAGES = ("ftdoctor==0.1.0", "trainproof==0.22.0")
VERDICTS = Path(__file__).parent / "peers" / "curve_verdicts.py"
NOISES = (0.005, 0.01, 0.02)
COUNTS = (5, 8, 12, 20)
STEPS = 10
OVER_RULES = (26, 28)
OURS = "harness"

Shape = Callable[[float], float]
"""A loss without noise, from the start (0) to the end (1) of a run."""


@dataclass(frozen=True)
class Case:
    """A kind of run, what should be said of it, and how often at least."""

    name: str
    wanted: str
    goal: float
    shapes: Sequence[Shape]
    counts: Sequence[int] = COUNTS
    accuracy: Shape | None = None


FALLS: Sequence[Shape] = (
    lambda t: 2 - 0.6 * t,
    lambda t: 1 + math.exp(-2 * t),
    lambda t: 2 * (1 + 9 * t) ** -0.3,
)
TURNS: Sequence[Shape] = (
    lambda t: 1.1 + (t - 0.5) ** 2,
    lambda t: 1.0 + abs(t - 0.4) * (1 if t > 0.4 else 2),
    lambda t: 0.6 + 0.6 * math.exp(-8 * t) + 0.7 * t**2,
)

STEEP_TURNS: Sequence[Shape] = (
    lambda t: 2.7 if t == 0 else 1.1 + (t - 0.5) ** 2,
    lambda t: 0.02 + 0.5 * math.exp(-15 * t) + 0.03 * t**2,
)
BUMPS: Sequence[Shape] = (
    lambda t: 1.2 * (1.4 if abs(t - 0.5) < 0.05 else 1),
    lambda t: 1.2 * (1 + 0.1 * math.exp(-10 * (t - 0.5)) * (t >= 0.5)),
)

CASES = (
    Case("flat", "quiet", 0.95, [lambda t: 1.2]),
    Case("fell, then flat", "quiet", 0.95, [lambda t: 1 + math.exp(-15 * t)]),
    Case("still falls", "longer", 0.9, FALLS),
    Case("clearly over", "over", 0.9, TURNS),
    Case("clearly over, three evaluations", "over", 0.9, TURNS[:2], counts=(3,)),
    Case("loss rises, accuracy rises", "quiet", 0.95, TURNS, accuracy=lambda t: 0.55 + 0.3 * t),
    Case("clearly over, steep first epoch", "over", 0.9, STEEP_TURNS),
    Case("back from a bump", "quiet", 0.95, BUMPS),
)


def main() -> int:
    """Print the table; 1 where ours misses a goal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=40, help="for each kind, length and noise")
    parser.add_argument("--python", type=Path, default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home, chats = Path(folder) / "runs", Path(folder) / "chats.jsonl"
        groups = dict(written(home, options.runs))
        chats.write_text(clean_chats())
        peers = verdicts_of_peers(options.python or peer_python(PACKAGES), home, chats)
        ours = {
            run: verdict(advice_of(read_run(home / run)))
            for runs in groups.values()
            for run in runs
        }
        columns = {OURS: ours, **{name: found["runs"] for name, found in peers.items()}}
        missed = table(groups, columns)
        missed += checkpoints_table(home, groups, columns)
        missed += chats_line(chats, peers)
    return 1 if missed else 0


# --- runs ----------------------------------------------------------------------------


def written(home: Path, runs: int) -> Iterator[tuple[str, list[str]]]:
    """Write the runs of every kind, length and noise; yield their names by group."""
    for case in CASES:
        for noise in NOISES:
            yield f"{case.name}|{noise:.1%}", list(runs_of(home, case, noise, runs))


def runs_of(home: Path, case: Case, noise: float, runs: int) -> Iterator[str]:
    """Write the runs of one kind with one noise."""
    rng = random.Random(f"{case.name}{noise}")
    kind = f"{CASES.index(case)}-{round(noise * 1000)}"
    for number in range(runs * len(case.counts)):
        count = case.counts[number % len(case.counts)]
        shape = case.shapes[number // len(case.counts) % len(case.shapes)]
        name = f"{kind}/{number:04}"
        write_run(home / name, case, shape, count, noise, rng)
        yield name


def write_run(
    path: Path, case: Case, shape: Shape, count: int, noise: float, rng: random.Random
) -> None:
    """Write one output folder: up to five epochs; half of the checkpoints and the last are kept."""
    epochs = min(count, 5)
    log: list[dict[str, float]] = []
    for step in range(1, STEPS * count + 1):
        t = step / (STEPS * count)
        train = (0.3 + 1.2 * math.exp(-2 * t)) * (1 + rng.gauss(0, 0.03))
        log.append({"step": step, "epoch": epochs * t, "loss": train})
        if step % STEPS == 0:
            place = (step // STEPS - 1) / (count - 1)
            entry = {"eval_loss": shape(place) * (1 + rng.gauss(0, noise))}
            if case.accuracy:
                entry["eval_accuracy"] = case.accuracy(place) + rng.gauss(0, 0.003)
            log.append({"step": step, "epoch": epochs * t, **entry})
    last = STEPS * count
    for step in {*rng.sample(range(STEPS, last, STEPS), (count - 1) // 2), last}:
        folder = path / f"checkpoint-{step}"
        folder.mkdir(parents=True)
        seen = [entry for entry in log if entry["step"] <= step]
        state = {"global_step": step, "max_steps": last, "log_history": seen}
        (folder / "trainer_state.json").write_text(json.dumps(state))


WORDS = (
    *("river", "stone", "lamp", "violin", "harbour"),
    *("meadow", "copper", "winter", "garden", "letter"),
)


def clean_chats() -> str:
    """A training file that nothing is wrong with."""
    rng = random.Random(7)
    lines = []
    for number in range(60):
        asked = f"Write down {', '.join(rng.sample(WORDS, 4))} and the number {number * 37}."
        answer = f"{rng.choice(WORDS)} {number * 37}"
        pair = [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
        lines.append(json.dumps({"messages": pair}))
    return "\n".join(lines) + "\n"


# --- verdicts ------------------------------------------------------------------------


def verdict(advice: Advice) -> tuple[str, str | None]:
    """Our advice in the words of this table."""
    if advice.rule in OVER_RULES or advice.recommend < 0:
        return "over", advice.checkpoint
    if advice.recommend > 0:
        return "longer", advice.checkpoint
    return ("other" if advice.rule == 3 else "quiet"), advice.checkpoint


def verdicts_of_peers(python: Path | None, home: Path, chats: Path) -> dict[str, Any]:
    """Every package's verdicts."""
    if python is None:
        return {}
    done = subprocess.run(
        [str(python), str(VERDICTS), str(home), str(chats)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        print(f"the other packages failed: {done.stderr[-300:]}")
        return {}
    found = dict(json.loads(done.stdout.splitlines()[-1]))
    for name in {package.partition("==")[0] for package in PACKAGES} - set(found):
        print(f"{name} is not installed there: its column is missing")
    return found


# --- tables --------------------------------------------------------------------------


def table(groups: dict[str, list[str]], columns: dict[str, dict[str, Any]]) -> int:
    """Print how often each package says what it should; the goals that ours misses."""
    print(f"{'share of runs':58}" + "".join(f"{name:>12}" for name in columns))
    missed = 0
    for group, runs in groups.items():
        kind, noise = group.split("|")
        case = next(case for case in CASES if case.name == kind)
        rows = {"quiet": ("over", "longer")}.get(case.wanted, (case.wanted,))
        for said in rows:
            shares = {
                name: sum(found[run][0] == said for run in runs) / len(runs)
                for name, found in columns.items()
            }
            cells = "".join(f"{share:>12.3f}" for share in shares.values())
            print(f"{f'{kind}, noise {noise} (n={len(runs)}): said {said!r}':58}{cells}")
        right = sum(columns[OURS][run][0] == case.wanted for run in runs) / len(runs)
        if right < case.goal:
            print(f"  MISSED: {right:.3f}, the goal is {case.goal}")
            missed += 1
    return missed


def checkpoints_table(
    home: Path, groups: dict[str, list[str]], columns: dict[str, dict[str, Any]]
) -> int:
    """Print how often the checkpoint that is recommended exists."""
    runs = [run for group in groups.values() for run in group]
    wrong = 0
    for name, found in columns.items():
        named = [(run, found[run][1]) for run in runs if found[run][1]]
        there = sum((home / run / checkpoint).is_dir() for run, checkpoint in named)
        print(f"{name}: names a checkpoint in {len(named)} of {len(runs)} runs, {there} exist")
        wrong += name == OURS and there < len(named)
    return wrong


def chats_line(chats: Path, peers: dict[str, Any]) -> int:
    """Print what each package says of clean chats."""
    command = [sys.executable, "-m", "harness", "lint", str(chats)]
    code = subprocess.run(command, capture_output=True, check=False).returncode
    said = {OURS: "passes" if code == 0 else f"fails ({code})"}
    said |= {name: found["chats"] for name, found in peers.items() if found["chats"]}
    print("clean chats: " + ", ".join(f"{name} {what}" for name, what in said.items()))
    return code != 0


if __name__ == "__main__":
    sys.exit(main())
