"""Fills a cache in a process of its own, for tests that share or end it: FOLDER FIRST COUNT."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from harness.records import Completion, Usage
from harness.running.cache import Cache


def key_of(number: int) -> bytes:
    return number.to_bytes(16, "big")


def fill(folder: Path, first: int, count: int) -> None:
    with Cache(folder) as cache:
        for number in range(first, first + count):
            cache.put(key_of(number), (Completion(f"answer {number}", "stop", Usage(5, 2)),))
            if number % 50 == 0:
                print(number, flush=True)
                time.sleep(0.005)
    print("notes:", *cache.notes)


if __name__ == "__main__":
    fill(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
