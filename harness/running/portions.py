"""Work on portions of data by the workers of a Ray cluster, by Ray Data, in the portions' order.

A worker that is lost is replaced by Ray Data, and what it had is done again: the work must give
the same for the same portion.
"""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from harness import errors
from harness.errors import HarnessError, ProviderError, UsageError
from harness.running.distributed import Cluster, connected

Portion = TypeVar("Portion")
Result = TypeVar("Result")
QUIET = ("ray.data", "ray.data._internal.execution.streaming_executor")


@dataclass(frozen=True, eq=False)
class Crew:
    """The workers of a cluster, as long as it is connected."""

    cluster: Cluster
    _ray_data: Any

    def results(
        self, work: Callable[[Portion], Result], portions: Iterable[Portion]
    ) -> Iterator[Result]:
        """What the work makes of each portion, in their order. Both are pickled and sent.

        Raises:
            HarnessError: one that the work raised; nothing more is done then.
            ProviderError: the workers are lost again and again.
        """
        from ray.exceptions import RayError

        data = self._ray_data
        rows = [{"portion": pickle.dumps(one)} for one in portions]
        if not rows:
            return
        found = data.from_items(rows, override_num_blocks=len(rows))
        found.context.execution_options.preserve_order = True
        found.context.enable_progress_bars = False
        done = found.map_batches(
            _desk(work),
            batch_size=1,
            num_cpus=1,
            compute=data.TaskPoolStrategy(size=min(self.cluster.workers, len(rows))),
        )
        try:
            for row in done.iter_rows():
                yield _opened(row["result"])
        except RayError as error:
            said = " ".join(str(error).split())[:200]
            raise ProviderError(f"--engine ray: the workers failed: {said}") from error


@contextmanager
def crew(cluster: Cluster) -> Iterator[Crew]:
    """The workers of a cluster.

    Raises:
        UsageError: Ray or what its data part needs is not installed, or there is no cluster.
    """
    with connected(cluster):
        try:
            import ray.data
        except ImportError as error:
            raise UsageError(
                f"--engine ray: Ray Data cannot be used ({error}); "
                "pip install 'finetune-harness[ray]'"
            ) from error
        for name in QUIET:
            logging.getLogger(name).setLevel(logging.ERROR)
        yield Crew(cluster, ray.data)


def _desk(work: Callable[[Any], Any]) -> Callable[[Any], dict[str, list[bytes]]]:
    """What Ray Data calls; the work goes along with it."""
    parcel = pickle.dumps(work)

    def desk(batch: Any) -> dict[str, list[bytes]]:
        return {"result": [_closed(_work(parcel), portion) for portion in batch["portion"]]}

    return desk


@lru_cache(maxsize=1)
def _work(parcel: bytes) -> Callable[[Any], Any]:
    """The work, unpacked once in each worker: it may keep what it needs for all portions."""
    work: Callable[[Any], Any] = pickle.loads(parcel)  # noqa: S301 - packed by this run itself
    return work


def _closed(work: Callable[[Any], Any], portion: bytes) -> bytes:
    try:
        return pickle.dumps((None, work(pickle.loads(portion))))  # noqa: S301 - as above
    except HarnessError as error:
        return pickle.dumps(((type(error).__name__, str(error)), None))
    except ValueError as error:
        return pickle.dumps((("UsageError", str(error)), None))


def _opened(parcel: bytes) -> Any:
    error, result = pickle.loads(parcel)  # noqa: S301 - from this run's own workers
    if error is not None:
        kind, message = error
        raise getattr(errors, kind, HarnessError)(message)
    return result
