"""What a run on a cluster of model replicas would take: a simulation, nothing is run.

``python -m benchmarks.scale.plan [--samples N] [--output-tokens T] [--gpu-hour USD] ...``

Each worker feeds one replica, keeps so many requests in flight there, and gets shards as the
harness hands them out: 256 samples at a time, two at once. A replica writes so many tokens a
second for each request in flight, as long as there are no more than ``--in-flight``; lengths of
answers are lognormal. GPUs are paid from the start of their loading to the end of the run. What
is not in it: the network, preemption, prompts' reading (``--overhead-s`` a request stands for
it), and this process's own limit of some thousand answers a second.
"""

from __future__ import annotations

import argparse
import heapq
import random
from collections.abc import Iterator
from dataclasses import dataclass

SHARD, AHEAD = 256, 2
SPREAD = 0.6
"""The standard deviation of the logarithm of an answer's length."""


@dataclass(frozen=True)
class Cluster:
    """The replicas, and what is asked of them."""

    replicas: int
    samples: int = 1_000_000
    output_tokens: float = 200
    in_flight: int = 64
    tokens_per_s: float = 30
    overhead_s: float = 0.3
    load_s: float = 180
    gpus: int = 1
    gpu_hour: float = 2.0
    losses: int = 0


@dataclass(frozen=True)
class Taken:
    """Hours by the clock, of GPUs, what they cost, and how busy they were on average."""

    hours: float
    gpu_hours: float
    cost: float
    busy: float


def simulated(cluster: Cluster, seed: int = 0) -> Taken:
    """One run; lost workers lose the answers in flight, which are asked again elsewhere."""
    draw = random.Random(seed)
    left = cluster.samples
    slots: list[tuple[float, int]] = []  # when each request in flight ends, and at which replica
    has = [0] * cluster.replicas  # samples that a worker was given and has not asked
    worked = now = 0.0
    again = cluster.losses * cluster.in_flight
    left += again
    for worker in range(cluster.replicas):
        for _ in range(AHEAD):
            given = min(SHARD, left)
            left, has[worker] = left - given, has[worker] + given
        for _ in range(min(cluster.in_flight, has[worker])):
            has[worker] -= 1
            took = seconds(cluster, draw)
            worked += took
            heapq.heappush(slots, (took, worker))
    while slots:
        now, worker = heapq.heappop(slots)
        if has[worker] <= SHARD and left:
            given = min(SHARD, left)
            left, has[worker] = left - given, has[worker] + given
        if has[worker]:
            has[worker] -= 1
            took = seconds(cluster, draw)
            worked += took
            heapq.heappush(slots, (now + took, worker))
    paid = cluster.replicas * cluster.gpus * (now + cluster.load_s) / 3600
    busy = worked / (cluster.replicas * cluster.in_flight * now)
    return Taken((now + cluster.load_s) / 3600, paid, paid * cluster.gpu_hour, busy)


def seconds(cluster: Cluster, draw: random.Random) -> float:
    """How long one request takes."""
    length = cluster.output_tokens * draw.lognormvariate(-SPREAD * SPREAD / 2, SPREAD)
    return cluster.overhead_s + length / cluster.tokens_per_s


def rows(given: argparse.Namespace) -> Iterator[str]:
    """A line of Markdown for each number of replicas."""
    fields = {name: value for name, value in vars(given).items() if name != "replicas"}
    for replicas in given.replicas:
        found = simulated(Cluster(replicas, **fields))
        yield (
            f"| {replicas} | {found.hours:.2f} | {found.gpu_hours:.1f} | {found.cost:,.0f} "
            f"| {found.busy:.0%} |"
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--replicas", type=int, nargs="+", default=[1, 4, 16, 64])
    for name, value in vars(Cluster(1)).items():
        if name != "replicas":
            option = f"--{name.replace('_', '-')}"
            parser.add_argument(option, type=type(value), default=value)
    given = parser.parse_args()
    print("| replicas | hours | GPU hours | USD | busy |\n| --- | --- | --- | --- | --- |")
    for row in rows(given):
        print(row, flush=True)


if __name__ == "__main__":
    main()
