"""The proof itself: which evals both sides can run, both sides run, what differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.parity.answers import Answers, ideals_of
from benchmarks.parity.comparison import Difference, differences, unequal_events, unequal_requests
from benchmarks.parity.server import parity_server
from benchmarks.parity.sides import Job, Side, our_side, reference_side
from harness.records import EvalSpec
from harness.registry import Registry

OWN = Path(__file__).with_name("registry")
"""Evals of our own for what the reference's registry has no example of."""

ROWS = OWN / "data" / "multiple_choice.jsonl"
TABLE_BYTES = 3_000_000
"""Larger files stay out of the server's table: their prompts get answers that fit anywhere."""

Run = Callable[[Job, str, Path], Side]


@dataclass(frozen=True)
class Proof:
    """Both sides of one job, and every request that each side's server address got."""

    job: Job
    theirs: Side
    ours: Side
    asked: Mapping[str, Counter[bytes]]

    @property
    def names(self) -> Sequence[str]:
        """The evals that the reference ran, aliases followed."""
        return list(self.theirs.reports)

    def differences(self) -> list[Difference]:
        """Every verdict, final metric and log event that is not the same."""
        found = []
        for name in self.names:
            found += differences(name, self.theirs, self.ours)
            found += unequal_events(name, self.theirs, self.ours)
        return found

    def unequal_requests(self) -> tuple[Counter[bytes], Counter[bytes]]:
        """Requests that only the reference made, and that only we made."""
        return unequal_requests(self.asked["theirs"], self.asked["ours"])


def prove(job: Job, folder: Path, run_ours: Run = our_side) -> Proof:
    """Run both sides at the same time against one server."""
    known = Registry(job.registries)
    with (
        parity_server(Answers(ideals_of(_small_files(known.evals(job.evals))))) as server,
        ThreadPoolExecutor(2) as pool,
    ):
        theirs = pool.submit(reference_side, job, server.base_url("theirs"), folder / "theirs")
        ours = pool.submit(run_ours, job, server.base_url("ours"), folder / "ours")
        return Proof(job, theirs.result(), ours.result(), server.asked)


def _small_files(specs: Sequence[EvalSpec]) -> list[Path]:
    paths = {ROWS, *(spec.samples for spec in specs if _size(spec) <= TABLE_BYTES)}
    return sorted(path for path in paths if path.is_file())


# --- which evals ---------------------------------------------------------------------


def runnable(known: Registry, largest: int | None = None) -> Iterator[EvalSpec]:
    """The evals that both sides can run with what is at hand, with data of so many bytes at most.

    Those that compare several models are left out: here there is one.
    """
    for name, entry in known.entries().items():
        if entry.alias_of is None and known.describe(name).runnable:
            spec = known.eval(name)
            if spec.drafts is not None and (largest is None or _size(spec) <= largest):
                yield spec


def _size(spec: EvalSpec) -> int:
    """Bytes of an eval's data; those that have to be loaded first count as very many."""
    return spec.samples.stat().st_size if spec.samples.is_file() else 2**60
