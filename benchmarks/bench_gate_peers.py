"""Our gate beside evalsig, evalstats and trainjudge on the same per-sample results.

``python benchmarks/bench_gate_peers.py [--sets N] [--python PATH]``

The others are installed into an environment of their own under the temporary folder (or are
found in --python's); without them only our column is filled. Ours reads logs as `harness gate`
does. Whole inputs are held against "better", which is what the others ask for; inputs that are
not whole against "not worse by more than 2 points", which is easier to pass, on the 200 samples
that the set holds. Seeded. Fails where ours passes, or blames the model, on the latter.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from peers.environment import peer_python

from harness.analysis.stats import tango_interval, wilson_interval
from harness.pipeline.finished.gate import gate_places
from harness.records import Policy, Rule
from harness.registry import Registry

PACKAGES = ("evalsig==0.1.2", "evalstats==0.3.3", "trainjudge==0.3.1")
VERDICTS = Path(__file__).parent / "peers" / "verdicts.py"
SIZE = 200
MARGIN = 0.02

Marks = list[tuple[str, float]]
OURS = {"pass": "better", "fail": "worse", "inconclusive": "unclear", "unjudged": "refused"}


def main() -> int:
    """Print the tables; 1 where our gate passed on evidence that is not whole."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=60)
    parser.add_argument("--python", type=Path, default=None)
    options = parser.parse_args()
    pairs = {**worse_pairs(options.sets), **broken_pairs(options.sets // 5)}
    shares = small_shares(options.sets * 10)
    differences = small_differences(options.sets * 5)
    flat = [pair for group in pairs.values() for pair in group]
    peers = verdicts_of_peers(options.python or peer_python(PACKAGES), flat, shares, differences)
    names = ["harness", *peers]
    table: dict[str, list[list[str]]] = {"harness": [], **{name: [] for name in peers}}
    at = 0
    for group, members in pairs.items():
        demanded = SIZE if group in BROKEN else None
        table["harness"].append([our_verdict(*pair, demanded) for pair in members])
        for name in peers:
            table[name].append(peers[name]["verdicts"][at : at + len(members)])
        at += len(members)
    print(f"{'share of sets':44}" + "".join(f"{name:>12}" for name in names))
    for index, group in enumerate(pairs):
        counts = {name: Counter(table[name][index]) for name in names}
        size = len(pairs[group])
        for verdict in ("better", "worse") if group in BROKEN else ("worse", "better"):
            said = {"worse": "blocked as worse", "better": "passed"}[verdict]
            cells = "".join(f"{counts[name][verdict] / size:>12.2f}" for name in names)
            print(f"{group + ': ' + said:44}{cells}")
    coverage(names, peers, shares, differences)
    wrong = sum(
        verdict in ("better", "worse")
        for index, group in enumerate(pairs)
        if group in BROKEN
        for verdict in table["harness"][index]
    )
    return 1 if wrong else 0


# --- cases ---------------------------------------------------------------------------


def drawn(rng: np.random.Generator, n: int, difference: float, psi: float = 0.2) -> list[Marks]:
    """Marks of base and tuned model on n samples, at a base of about 80 %."""
    win, lose = (psi + difference) / 2, (psi - difference) / 2
    kinds = rng.choice(4, size=n, p=[0.8 - lose, win, lose, 0.2 - win])
    base, tuned = np.isin(kinds, (0, 2)), np.isin(kinds, (0, 1))
    return [[(f"s{i}", float(mark)) for i, mark in enumerate(side)] for side in (base, tuned)]


def worse_pairs(sets: int) -> dict[str, list[list[Marks]]]:
    """Candidates that are truly 10 points worse, and equal ones."""
    rng = np.random.default_rng(11)
    return {
        f"{name}, n={n}": [drawn(rng, n, difference) for _ in range(sets)]
        for n in (100, 400)
        for name, difference in (("10 points worse", -0.1), ("equal", 0.0))
    }


def broken_pairs(sets: int) -> dict[str, list[list[Marks]]]:
    """Inputs that are not whole, all from a candidate that is truly 10 points worse."""
    rng = np.random.default_rng(12)
    found: dict[str, list[list[Marks]]] = {name: [] for name in BROKEN}
    for _ in range(sets):
        base, tuned = drawn(rng, SIZE, -0.1)
        half = [i for i in range(SIZE) if tuned[i][1] >= base[i][1]][: SIZE // 2]
        found["empty"].append([[], []])
        found["truncated to a lucky half"].append([[s[i] for i in half] for s in (base, tuned)])
        found["failed items dropped"].append([base, [pair for pair in tuned if pair[1] == 1]])
        found["failed items twice, then right"].append(
            [base, [*tuned, *((key, 1.0) for key, mark in tuned if mark == 0)]]
        )
        found["failed items NaN"].append(
            [base, [(key, mark or float("nan")) for key, mark in tuned]]
        )
    return found


BROKEN = (
    "empty",
    "truncated to a lucky half",
    "failed items dropped",
    "failed items twice, then right",
    "failed items NaN",
)


def small_shares(sets: int) -> list[list[float]]:
    """Marks of one model on 20 samples, 95 % right."""
    rng = np.random.default_rng(13)
    return [row.tolist() for row in (rng.random((sets, 20)) < 0.95).astype(float)]


def small_differences(sets: int) -> list[list[Marks]]:
    """Pairs on 20 samples, discordance .15, the tuned model 10 points worse."""
    rng = np.random.default_rng(14)
    return [drawn(rng, 20, -0.1, 0.15) for _ in range(sets)]


# --- ours ----------------------------------------------------------------------------


def our_verdict(base: Marks, tuned: Marks, samples: int | None) -> str:
    """What `harness gate base.jsonl tuned.jsonl` says."""
    rule = Rule("non_inferior", "*", MARGIN) if samples else Rule("superior", "*")
    policy = Policy("bench", (rule,), samples=samples)
    with tempfile.TemporaryDirectory() as folder:
        places = [
            log(Path(folder) / f"{name}.jsonl", name, marks)
            for name, marks in (("base", base), ("tuned", tuned))
        ]
        return OURS[gate_places(places, policy, Registry(())).outcome]


def log(path: Path, model: str, marks: Marks) -> str:
    """One model's results as a log of OpenAI evals."""
    config = {"eval_spec": {"cls": "evals.elsuite.basic.match:Match", "args": {}}}
    spec = {"completion_fns": [model], "eval_name": "bench.test.v1", "run_config": config}
    lines: list[Mapping[str, Any]] = [{"spec": {**spec, "run_id": model}}]
    for key, mark in marks:
        about = {"run_id": model, "sample_id": key, "event_id": len(lines), "type": "match"}
        correct = mark if mark != mark else bool(mark)
        lines.append({**about, "data": {"correct": correct, "expected": "y", "picked": "y"}})
    lines.append({"final_report": {}, "run_id": model})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


# --- theirs --------------------------------------------------------------------------


def verdicts_of_peers(
    python: Path | None, pairs: Sequence[list[Marks]], shares: Any, differences: Any
) -> dict[str, Any]:
    """Every package's verdicts on the cases."""
    if python is None:
        return {}
    cases = {
        "pairs": [{"base": base, "tuned": tuned} for base, tuned in pairs],
        "shares": shares,
        "differences": differences,
    }
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(json.dumps(cases))
        file.flush()
        asked = [str(python), str(VERDICTS), file.name]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"the other packages failed: {done.stderr[-300:]}")
        return {}
    return dict(json.loads(done.stdout.splitlines()[-1]))


def coverage(names: Sequence[str], peers: Mapping[str, Any], shares: Any, differences: Any) -> None:
    """How often each 95 % interval holds the truth at n = 20."""
    one = [wilson_interval(int(sum(marks)), len(marks)) for marks in shares]
    two = []
    for base, tuned in differences:
        changes = [t - b for (_, t), (_, b) in zip(tuned, base, strict=True)]
        two.append(tango_interval(changes.count(1.0), changes.count(-1.0), len(changes)))
    rows = (
        ("coverage, one score of .95, n=20", 0.95, one, "intervals"),
        ("coverage, 10 points worse, n=20", -0.1, two, "differences"),
    )
    for title, true, found, kind in rows:
        cells = {"harness": held([(e.low, e.high) for e in found], true)}
        cells |= {name: held(peers[name][kind], true) for name in peers}
        print(f"{title:44}" + "".join(f"{cells[name]:>12}" for name in names))


def held(limits: Sequence[Any], true: float) -> str:
    """The share of intervals that hold the truth; a dash where there are none."""
    if not limits or limits[0] is None:
        return "-"
    inside = [x != "refused" and x[0] - 1e-9 <= true <= x[1] + 1e-9 for x in limits]
    return f"{np.mean(inside):.3f}"


if __name__ == "__main__":
    sys.exit(main())
