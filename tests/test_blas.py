from collections.abc import Callable
from threading import Thread

import numpy as np  # noqa: F401 - loads the library whose threads are counted
import pytest
from threadpoolctl import threadpool_info

from harness.blas import one_thread


def blas_threads() -> set[int]:
    """Of numpy's BLAS; other packages may bring further ones, which the network does not use."""
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    own = [pool for pool in pools if "numpy" in pool["filepath"]]
    return {pool["num_threads"] for pool in own or pools}


def in_threads(work: Callable[[], None], count: int) -> None:
    threads = [Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_blas_has_one_thread_inside_and_its_own_number_again_outside() -> None:
    before = blas_threads()
    with one_thread:
        assert blas_threads() <= {1}
    assert blas_threads() == before


def test_leaving_an_inner_block_keeps_the_limit() -> None:
    with one_thread:
        with one_thread:
            pass
        assert blas_threads() <= {1}


def test_the_limit_holds_in_every_thread_and_none_is_left_behind() -> None:
    before = blas_threads()
    seen: list[set[int]] = []

    def use() -> None:
        for _ in range(50):
            with one_thread:
                seen.append(blas_threads())

    use()
    in_threads(use, 4)
    assert len(seen) == 250
    assert all(threads <= {1} for threads in seen)
    assert blas_threads() == before


def test_an_error_inside_lifts_the_limit_and_passes_the_turn_on() -> None:
    before = blas_threads()
    with pytest.raises(KeyError), one_thread:
        raise KeyError
    assert blas_threads() == before
    seen: list[set[int]] = []

    def use() -> None:
        with one_thread:
            seen.append(blas_threads())

    in_threads(use, 1)
    assert len(seen) == 1
