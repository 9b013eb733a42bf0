"""Is lost diversity found, and is what loses nothing left alone? A simulated study.

``python benchmarks/bench_collapse.py [--runs N]``

Made-up models (``benchmarks/collapse.py``) with and without a planted fault are compared as
studies compare them. Seeded. The process fails where a promise is not kept: in every setting
that loses nothing, "less diverse" in at most 5 % of the runs; every planted collapse but the mild
ones found in at least 80 %.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.collapse import COLLAPSES, NULLS, Rates, Setting, rates

MOST_ALARMS, LEAST_FOUND = 0.05, 0.80
MILD = 0.88
"""A lowest ratio above this is so close to .9 that the rule means to leave it open."""


def main() -> int:
    """Print both tables; 1 where a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=200, help="of each setting that loses nothing")
    runs = parser.parse_args().runs
    broken = []
    for name, settings, count in (
        ("nothing is lost", NULLS, runs),
        ("something is lost", COLLAPSES, max(10, runs // 2)),
    ):
        print(f"{name}: {count} runs each")
        found = measured(settings, count)
        show(settings, found)
        judge = is_quiet if settings is NULLS else is_found
        broken += [s.name for s, r in zip(settings, found, strict=True) if not judge(r)]
    for line in broken:
        print(f"BROKEN  {line}")
    return 1 if broken else 0


def measured(settings: Sequence[Setting], runs: int) -> list[Rates]:
    """Every setting, on two processors where there are two."""
    with ProcessPoolExecutor(max_workers=2) as pool:
        return list(pool.map(partial(rates, runs=runs), settings))


def show(settings: Sequence[Setting], found: Sequence[Rates]) -> None:
    """One table, as docs/diversity.md has it."""
    print(
        "| | prompts x answers | less diverse | more | any Holm p < .05 | lowest ratio | copies |"
    )
    print("|---|---|---|---|---|---|---|")
    for setting, got in zip(settings, found, strict=True):
        copied = f"{got.copied:.0%}" if setting.tuned.copies else "-"
        print(
            f"| {setting.name} | {setting.prompts} x {setting.answers} | {got.less:.1%} | "
            f"{got.more:.1%} | {got.any_significant:.1%} | {got.lowest:.2f} | {copied} |"
        )


def is_quiet(got: Rates) -> bool:
    """Is no alarm raised where nothing is lost?"""
    return got.less <= MOST_ALARMS


def is_found(got: Rates) -> bool:
    """Is a loss found that is one?"""
    return got.less >= LEAST_FOUND or got.lowest > MILD


if __name__ == "__main__":
    sys.exit(main())
