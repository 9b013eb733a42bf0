"""What ``--lora-glob`` and ``--lora-load`` do: adapters on disk become a study's checkpoints."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from harness.errors import ModelNotFound, UsageError

if TYPE_CHECKING:
    from harness.finetuning.adapters import Adapter
    from harness.models.providers import Access
    from harness.records import Study

Glob = Annotated[
    str | None,
    typer.Option(
        "--lora-glob",
        metavar="PATTERN",
        help="LoRA checkpoints that vLLM serves by their folders' names, in quotes: "
        "'out/checkpoint-*'. Their epochs are read from trainer_state.json.",
    ),
]
Load = Annotated[
    bool,
    typer.Option("--lora-load", help="--lora-glob: have the running vLLM load what it lacks."),
]


def with_adapters(
    study: Study, pattern: str | None, access: Access, *, load: bool, ask: bool = True
) -> Study:
    """The study with the adapters of a pattern as the tuned models of each experiment.

    ``ask`` False leaves the server in peace.

    Raises:
        UsageError: a study that tunes itself, or options that do not fit.
        ModelNotFound: the server has not all of them; the message holds the command that serves.
    """
    if pattern is None:
        if load:
            raise UsageError("--lora-load says how --lora-glob is served; give both")
        return study
    from harness.finetuning.adapters import read_adapters

    tuning = next((one.name for one in study.experiments if one.tuning is not None), None)
    if tuning is not None:
        raise UsageError(f"--lora-glob: '{tuning}' of the study tunes itself; leave out its 'tune'")
    if study.provider != "openai":
        raise UsageError(f"--lora-glob needs a server; the study's models are {study.provider}")
    adapters = read_adapters(pattern)
    if ask:
        asyncio.run(_serve(study, adapters, access, load=load))
    tuned = tuple(one.checkpoint for one in adapters)
    experiments = (replace(one, tuned=tuned) for one in study.experiments)
    return replace(study, experiments=tuple(experiments))


async def _serve(study: Study, adapters: Sequence[Adapter], access: Access, *, load: bool) -> None:
    from harness.finetuning.adapters import serve_command
    from harness.models.adapters import ALLOW, load_adapters, missing_adapters
    from harness.models.server import Server

    address = access.base_url or study.base_url or access.default_url
    if address is None:
        raise UsageError("--lora-glob: where are the adapters served? give --base-url")
    server = Server(address, access.api_key, access.organization, access.headers)
    paths = {one.name: one.path for one in adapters}
    missing = await missing_adapters(server, [*paths], access.timeout_s)
    if missing and load:
        await load_adapters(server, {name: paths[name] for name in missing}, access.timeout_s)
        missing = await missing_adapters(server, missing, access.timeout_s)
    if missing:
        base = next((one.base for one in adapters if one.base), study.base)
        raise ModelNotFound(
            f"{server.url('models')}: does not serve {', '.join(missing)}; start it with: "
            f"{serve_command(adapters, base)} - or start it with {ALLOW} and give --lora-load"
        )
