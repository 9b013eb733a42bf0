"""Options that several commands share, and what they become."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.models.providers import Access
    from harness.registry import Registry
    from harness.running.retries import Limits

KEY_NAME = "OPENAI_API_KEY"
CONCURRENCY = 64

RegistryPaths = Annotated[
    list[Path] | None,
    typer.Option("--registry", metavar="PATH", help="A further registry folder; repeatable."),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="The run folder; unset: a new one in reports/."),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on with the run in --out: ask only what is missing.")
]
RetryFailed = Annotated[
    bool, typer.Option("--retry-failed", help="With --resume: ask failed samples again.")
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Begin anew where --out holds a run already.")
]
BaseUrl = Annotated[
    str | None,
    typer.Option("--base-url", metavar="URL", help="Any OpenAI-compatible server, ends in /v1."),
]
ApiKeyEnv = Annotated[
    str,
    typer.Option("--api-key-env", metavar="NAME", help="The environment variable with the key."),
]
Organization = Annotated[
    str | None, typer.Option("--organization", help="Sent as OpenAI-Organization.")
]
Headers = Annotated[
    list[str] | None,
    typer.Option("--header", metavar="NAME:VALUE", help="Sent with every request; repeatable."),
]
Concurrency = Annotated[
    str,
    typer.Option("--concurrency", metavar="N|auto", help="Requests in flight at most."),
]
Timeout = Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds for one request.")]
MaxSamples = Annotated[
    int | None,
    typer.Option("--max-samples", min=1, help="Only so many, picked as OpenAI evals does."),
]
Repeats = Annotated[
    int | None,
    typer.Option("--repeats", min=1, help="Ask each prompt so often, one choice a request."),
]


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How the user asked to reach a server."""

    base_url: str | None
    api_key_env: str = KEY_NAME
    organization: str | None = None
    headers: tuple[str, ...] = ()
    timeout_s: float = 60.0

    def access(self) -> Access:
        """Read the key from the environment; nowhere else is it read.

        Raises:
            UsageError: a header that is none, or a named variable that is not set.
        """
        from harness.models.providers import Access

        key = os.environ.get(self.api_key_env, "").strip() or None
        if key is None and self.api_key_env != KEY_NAME:
            raise UsageError(f"{self.api_key_env} is not set; export the key, or name another")
        return Access(
            base_url=self.base_url,
            default_url=os.environ.get("OPENAI_BASE_URL") or None,
            api_key=key,
            organization=self.organization,
            headers=dict(_header(text) for text in self.headers),
            timeout_s=self.timeout_s,
        )


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise UsageError(f"--header '{text}': write it as NAME:VALUE")
    return name.strip(), value.strip()


def limits(concurrency: str) -> Limits:
    """The bounds of a run.

    Raises:
        UsageError: not a number of 1 or more, and not ``auto``.
    """
    from harness.running.retries import Limits

    if concurrency == "auto":
        return Limits(concurrency=CONCURRENCY)
    if not concurrency.isdecimal() or int(concurrency) < 1:
        raise UsageError(f"--concurrency {concurrency}: give a number of 1 or more, or auto")
    return Limits(concurrency=int(concurrency))


def registry(paths: list[Path] | None) -> Registry:
    """Our own registry, the user's ``~/.evals``, and the given folders."""
    from harness.registry import load_registry

    return load_registry(paths or (), home=Path.home())


def run_folder(out: Path | None, name: str) -> Path:
    """The folder to write to: as given, or the first free one for this name."""
    if out is not None:
        return out
    root = Path("reports")
    taken = (root / f"{name}-{number}" for number in range(1, 1_000_000))
    return next(path for path in (root / name, *taken) if not path.exists())


def command_line() -> str:
    """The command as it was typed."""
    return shlex.join(["harness", *sys.argv[1:]])
