"""The batches of a run that are under way: how they are doing, and stopping them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from harness.errors import RunFolderError
from harness.models.base import BatchJob
from harness.models.providers import Access, openai_batches
from harness.pipeline.folder.runfolder import RunFolder
from harness.running.batch_ledger import Ledger


def batches_of(path: Path, access: Access, *, cancel: bool = False) -> list[BatchJob]:
    """Ask for the batches of a run folder that are under way, and with ``cancel`` stop them.

    Raises:
        RunFolderError: the folder holds no run, or no batches.
        ProviderError: the server does not answer as it should.
    """
    folder = RunFolder(path)
    study = folder.read().study
    ledger = Ledger.read(folder.batches)
    if ledger is None:
        raise RunFolderError(f"{path}: no batches were sent; they are with run --batch")
    names = [part.batch for part in ledger.under_way if part.batch]
    reached = replace(access, base_url=access.base_url or study.base_url)
    return asyncio.run(_asked(names, reached, study.base, cancel=cancel))


async def _asked(names: list[str], access: Access, model: str, *, cancel: bool) -> list[BatchJob]:
    async with openai_batches(access, model) as service:
        jobs = [await service.job(name) for name in names]
        if cancel:
            jobs = [job if job.ended else await service.cancel(job.id) for job in jobs]
    return jobs
