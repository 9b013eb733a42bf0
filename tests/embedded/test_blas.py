from threading import Thread

import numpy as np  # noqa: F401 - loads the library whose threads are counted
from threadpoolctl import threadpool_info

from harness.embedded.blas import one_thread


def blas_threads() -> set[int]:
    """Of numpy's BLAS; other packages may bring further ones, which the network does not use."""
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    own = [pool for pool in pools if "numpy" in pool["filepath"]]
    return {pool["num_threads"] for pool in own or pools}


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


def test_overlapping_threads_leave_no_limit_behind() -> None:
    before = blas_threads()

    def use() -> None:
        for _ in range(200):
            with one_thread:
                pass

    threads = [Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert blas_threads() == before
