"""Adaptive concurrency against hidden limits: the rate it settles at, and what was refused.

``python benchmarks/bench_limiter.py``: goals are within 10 % of the limit and < 2 % refused.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.hidden_limit import Bucket, settled

LONG_S = 12.0


def main() -> int:
    """Print a row for each server; 1 when a goal was missed."""
    servers = [Bucket(rate, wait) for rate in (50, 400) for wait in (None, b"1")]
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(settled(servers, LONG_S, Path(folder)))
    print("R     Retry-After  settled / R  refused")
    for server, (rate, refused) in zip(servers, found, strict=True):
        wait = "none" if server.retry_after is None else f"{server.retry_after.decode()} s"
        print(f"{server.rate:<5g} {wait:<12} {rate:<12.3f} {refused:.2%}")
        missed += not (0.9 <= rate <= 1.1 and refused < 0.02)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
