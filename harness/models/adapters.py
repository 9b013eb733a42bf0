"""LoRA adapters on a server: which it has, and vLLM's way of loading one while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import orjson

from harness.errors import ModelNotFound, ProviderError, RequestRejected
from harness.models.connection import Connection, listed_models
from harness.models.server import Server

ALLOW = "VLLM_ALLOW_RUNTIME_LORA_UPDATING=True"


async def missing_adapters(server: Server, names: list[str], timeout_s: float) -> list[str]:
    """The adapters that a server does not list.

    Raises:
        ProviderError: it lists no models at all, or cannot be reached.
    """
    async with Connection(server, timeout_s) as connection:
        status, _, _ = await connection.ask("GET", server.url("models"), None)
        listed = await listed_models(connection)
    if not listed:
        raise ProviderError(
            f"{server.url('models')}: lists no models (status {status}); check --base-url and the "
            "key, or leave --lora-glob out and name the adapters"
        )
    return [name for name in names if name not in listed]


async def load_adapters(server: Server, paths: Mapping[str, Path], timeout_s: float) -> None:
    """Have vLLM load adapters under their names. It reads the paths: they are the server's.

    Raises:
        ModelNotFound: it loads none while it runs; RequestRejected: it refuses one of them.
    """
    url = server.url("load_lora_adapter")
    async with Connection(server, timeout_s) as connection:
        for name, path in paths.items():
            asked = {"lora_name": name, "lora_path": str(path.resolve())}
            status, _, raw = await connection.ask("POST", url, orjson.dumps(asked))
            if status in (404, 405):
                raise ModelNotFound(
                    f"{url}: the server loads no adapters while it runs; start vLLM with "
                    f"{ALLOW} and --enable-lora"
                )
            if status != 200:
                said = " ".join(raw[:300].decode("utf-8", "replace").split())
                raise RequestRejected(f"{url}: '{name}' from {path} was not loaded: {said}")
