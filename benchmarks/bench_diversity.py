"""What the diversity metrics cost, against the libraries that compute the same.

``python -m benchmarks.bench_diversity [--largest N] [--rounds R] [--no-install]``

CPU seconds of one process with one thread of linear algebra, tokenizing included, best of R
rounds, for sets of 100 to N texts of about 100 words (``benchmarks/variety/texts.py``). Where a
library computes the same number it must agree, self-BLEU to nltk's last bit. A library that is
too slow for a size is measured at a smaller one and scaled by how its time grows; such figures
bear a tilde. Libraries are fetched into a folder of their own; what is not to be had is said.
The process fails where values differ, or a promise of docs/diversity.md is missed.
"""

from __future__ import annotations

import argparse
import math
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.variety.peers import Peer, peers
from benchmarks.variety.texts import natural_texts
from harness.analysis import diversity
from harness.analysis.diversity.bleu import text_bleus
from harness.analysis.diversity.metrics import MEASURES, NGRAM_MEASURES

SIZES = (100, 1_000, 3_000, 10_000, 100_000)
PROMPTS, K, DIMENSIONS = 200, 16, 384
TRAINING = 100_000
MOST_SECONDS, MOST_BYTES = 15.0, 2e9
"""What all n-gram metrics of 100,000 texts may take."""
MOST_GROWTH = 1.35
"""The exponent of N that still counts as close to linear."""
SLOW = 2.0  # seconds: what takes longer is measured once
SPACES = "whitespace"


@dataclass(frozen=True, slots=True)
class Row:
    """Our CPU seconds, a peer's, and how many times as fast we promise to be (0: not at all).

    ``scaled`` marks a peer's time that was measured at a smaller size.
    """

    what: str
    ours: float
    peer: str = ""
    theirs: float = math.nan
    scaled: bool = False
    promise: float = 0.0

    @property
    def ratio(self) -> float:
        """How many times as fast we are."""
        return self.theirs / self.ours

    @property
    def missed(self) -> bool:
        """Slower than promised."""
        return self.ratio < self.promise

    def markdown(self) -> str:
        """A line of the table."""
        if math.isnan(self.theirs):
            return f"| {self.what} | {seconds(self.ours)} | {self.peer} | | | |"
        promise = f"{self.promise:g}x{' MISSED' if self.missed else ''}" if self.promise else ""
        theirs = f"{'~' if self.scaled else ''}{seconds(self.theirs)}"
        cells = (self.what, seconds(self.ours), self.peer, theirs, f"{self.ratio:,.0f}x", promise)
        return "| " + " | ".join(cells) + " |"


@dataclass(frozen=True, slots=True)
class Contest:
    """One metric of ours against a peer's, over sizes.

    The peer is measured up to ``most`` texts; from there on its time is taken to grow with
    N to the ``growth``. ``differ`` says how far the values may lie apart (None: another
    definition). ``promises`` are the least ratios by size.
    """

    what: str
    ours: Callable[[Any], Any]
    peer: str
    most: int
    growth: float
    promises: dict[int, float]
    differ: float | None = None
    sizes: Sequence[int] = SIZES
    inputs: Callable[[int], Any] = natural_texts


CONTESTS = (
    Contest(
        "self-BLEU",
        lambda texts: text_bleus(diversity.encode([texts], SPACES)).tolist(),
        "nltk self-BLEU",
        most=200,
        growth=2.0,
        promises={1_000: 3_000},
        differ=0.0,
    ),
    Contest(
        "self-BLEU",
        lambda texts: text_bleus(diversity.encode([texts], SPACES)).tolist(),
        "fast-bleu self-BLEU",
        most=3_000,
        growth=1.0,
        promises={1_000: 60},
        differ=1e-9,
    ),
    Contest(
        "distinct-1 to distinct-4",
        lambda texts: all_distinct(texts),
        "diversity distinct-n",
        most=10_000,
        growth=1.0,
        promises={100: 0, 1_000: 5, 10_000: 5},
    ),
    Contest(
        "self-repetition-4",
        lambda texts: diversity.self_repetition(texts, tokenizer=SPACES),
        "diversity self-repetition",
        most=3_000,
        growth=2.0,
        promises={3_000: 50},
        differ=1e-9,
    ),
    Contest(
        "Vendi of 1- to 4-grams",
        lambda texts: diversity.vendi(texts, max_n=4, tokenizer=SPACES),
        "vendi-score",
        most=1_000,
        growth=2.0,
        promises={1_000: 10},
        differ=1e-6,
        sizes=(100, 1_000),
    ),
    Contest(
        "ROUGE-L homogenization",
        lambda texts: diversity.rouge_l_homogenization(texts, tokenizer=SPACES),
        "rouge-score",
        most=20,
        growth=2.0,
        promises={},
        differ=1e-9,
        sizes=(100, 1_000),
    ),
    Contest(
        f"mean cosine, d = {DIMENSIONS}",
        diversity.mean_pairwise_cosine,
        "sklearn",
        most=3_000,
        growth=2.0,
        promises={1_000: 25},
        differ=1e-9,
        inputs=lambda count: random_vectors(count),
    ),
    Contest(
        f"Vendi of vectors, d = {DIMENSIONS}",
        diversity.vector_vendi,
        "vendi-score vectors",
        most=10_000,
        growth=1.0,
        promises={},
        differ=1e-6,
        inputs=lambda count: random_vectors(count),
    ),
)


def main() -> int:
    """Print the table; 1 where a value differs or a promise is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="texts in the largest set")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--no-install", action="store_true", help="only libraries that are here")
    parser.add_argument("--all-of", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.all_of:
        return all_ngram_metrics(options.all_of)
    from threadpoolctl import threadpool_limits

    others = peers(install=not options.no_install)
    for name, reason in sorted({(p.name, p.missing) for p in others.values() if p.missing}):
        print(f"without {name}: {reason}", flush=True)
    diversity.compare_diversity([natural_texts(9)] * 3, [natural_texts(9)] * 3)  # imports, once
    print("| CPU seconds | harness | peer | peer | ratio | promised |")
    print("|---|---|---|---|---|---|")
    missed = False
    with threadpool_limits(1):
        for row in rows(others, options.largest, options.rounds):
            print(row.markdown(), flush=True)
            missed |= row.missed
    return int(whole_sets(options.largest) or missed)


def rows(others: dict[str, Peer], largest: int, rounds: int) -> Iterator[Row]:
    """Measure one line of the table after the other."""
    for contest in CONTESTS:
        sizes = [size for size in contest.sizes if size <= largest]
        yield from contested(contest, others[contest.peer], sizes, rounds)
    yield per_prompt_row(others["nltk self-BLEU"], rounds)
    texts = natural_texts(PROMPTS * K)
    groups = [texts[p * K : (p + 1) * K] for p in range(PROMPTS)]
    spent, _ = measured(lambda: diversity.compare_diversity(groups, groups), 1)
    yield Row(f"compare_diversity, 2 x {PROMPTS} x {K}", spent)
    training = natural_texts(min(TRAINING, largest), seed=1)
    spent, _ = measured(lambda: diversity.copy_rate(texts[:1_000], training), 1)
    yield Row(f"copy rate, 1,000 texts against {len(training):,}", spent)


def contested(contest: Contest, peer: Peer, sizes: Sequence[int], rounds: int) -> Iterator[Row]:
    """One contest, size by size; the values are compared wherever both are measured."""
    for size in sizes:
        given = contest.inputs(size)
        ours, value = measured(lambda given=given: contest.ours(given), rounds)
        what = f"{contest.what}, N = {size:,}"
        if peer.call is None:
            yield Row(what, ours)
            continue
        scaled = size > contest.most
        theirs = peer_seconds(contest, peer, min(size, contest.most), rounds)
        if scaled:
            theirs *= (size / contest.most) ** contest.growth
        yield Row(what, ours, peer.name, theirs, scaled, contest.promises.get(size, 0.0))
        del value


@lru_cache
def timed(what: str, peer: str, size: int) -> list[float]:
    """A place to keep a peer's time."""
    return []


def peer_seconds(contest: Contest, peer: Peer, size: int, rounds: int) -> float:
    """The peer's CPU seconds at a size, measured once; its value must be ours."""
    kept = timed(contest.what, peer.name, size)
    if not kept:
        given = contest.inputs(size)
        assert peer.call is not None
        spent, theirs = measured(lambda: peer.call(given), rounds)
        if contest.differ is not None:
            check(contest, contest.ours(given), theirs)
        kept.append(spent)
    return kept[0]


def check(contest: Contest, ours: Any, theirs: Any) -> None:
    """Stop where the values differ by more than rounding; nltk's not even by that."""
    gap = float(np.abs(np.subtract(ours, theirs)).max())
    if not gap <= (contest.differ or 0.0):
        raise SystemExit(f"{contest.what} differs from {contest.peer} by {gap:g}")


def per_prompt_row(nltk: Peer, rounds: int) -> Row:
    """Self-BLEU of many small sets; nltk's for every tenth of them."""
    texts = natural_texts(PROMPTS * K)
    groups = [texts[p * K : (p + 1) * K] for p in range(PROMPTS)]
    what = f"self-BLEU per prompt, {PROMPTS} x {K}"
    ours, _ = measured(lambda: diversity.per_prompt_self_bleu(groups, tokenizer=SPACES), rounds)
    if nltk.call is None:
        return Row(what, ours)
    some = groups[::10]
    spent, theirs = measured(lambda: [nltk.call(group) for group in some], 1)
    if text_bleus(diversity.encode(some, SPACES)).tolist() != list(chain.from_iterable(theirs)):
        raise SystemExit("self-BLEU per prompt differs from nltk's")
    return Row(what, ours, "nltk", spent * len(groups) / len(some), True, 100)


def all_distinct(texts: Sequence[str]) -> float:
    """distinct-1 to distinct-4 from one encoding."""
    corpus = diversity.encode([texts], SPACES)
    return sum(float(MEASURES[f"distinct_{n}"].values(corpus)[0]) for n in (1, 2, 3, 4))


def random_vectors(count: int) -> Any:
    """Vectors that point anywhere."""
    return np.random.default_rng(0).normal(size=(count, DIMENSIONS))


def measured(work: Callable[[], Any], rounds: int) -> tuple[float, Any]:
    """The least CPU seconds of some rounds, one where it is slow; and the value."""
    best = math.inf
    for _ in range(rounds):
        start = time.process_time()
        value = work()
        spent = time.process_time() - start
        best = min(best, spent)
        if spent > SLOW:
            break
    return best, value


def whole_sets(largest: int) -> bool:
    """All n-gram metrics of growing sets, each in a process of its own; whether one is too much."""
    print("\n| all n-gram metrics | CPU seconds | memory, MB |\n|---|---|---|")
    spent: dict[int, float] = {}
    broken = False
    for size in (size for size in SIZES if size <= largest and size != 3_000):
        asked = [sys.executable, __file__, "--all-of", str(size)]
        done = subprocess.run(asked, capture_output=True, text=True, check=True)
        used, peak = map(float, done.stdout.split())
        spent[size] = used
        print(f"| N = {size:,} | {seconds(used)} | {peak / 1e6:,.0f} |", flush=True)
        broken |= used > MOST_SECONDS or peak > MOST_BYTES
    if len(spent) > 2:
        small, large = sorted(spent)[1], max(spent)
        growth = math.log(spent[large] / spent[small]) / math.log(large / small)
        print(f"\nfrom {small:,} to {large:,} texts the time grows with N to the {growth:.2f}")
        broken |= growth > MOST_GROWTH
    return broken


def all_ngram_metrics(size: int) -> int:
    """Print the CPU seconds and the peak memory of all n-gram metrics of one set."""
    texts = natural_texts(size)
    diversity.measure([natural_texts(3)], NGRAM_MEASURES)  # imports, once
    start = time.process_time()
    diversity.measure([texts], NGRAM_MEASURES, tokenizer=SPACES)
    spent = time.process_time() - start
    print(spent, peak_bytes())
    return 0


def peak_bytes() -> int:
    """The most memory that this process held."""
    status = Path("/proc/self/status")
    if status.exists():  # where getrusage counts what the parent held before it started us
        lines = status.read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def seconds(value: float) -> str:
    """Three significant digits."""
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


if __name__ == "__main__":
    sys.exit(main())
