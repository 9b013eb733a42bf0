"""harness serve: the embedded model as an OpenAI-compatible server with fine-tuning."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.embedded.workshop import Workshop

LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")
    ] = 8000,
    api_key_env: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Ask clients for the key in this environment variable."),
    ] = None,
    models: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Load the models that finetune --out saved there."),
    ] = None,
) -> None:
    """Serve the embedded model as an OpenAI-compatible API, with fine-tuning.

    Everything is held in memory: uploaded files, jobs and tuned models end with the server.

    [bold]Examples[/bold]

      harness serve

      harness serve --port 0 --models tuned/

      SERVE_KEY=secret harness serve --host 0.0.0.0 --api-key-env SERVE_KEY
    """
    api_key = asked_key(api_key_env)
    from harness.embedded.serving import serve as serve_workshop
    from harness.embedded.workshop import Workshop

    with Workshop() as workshop:
        if models is not None:
            workshop.models.load(models)

        def ready(url: str) -> None:
            print(greeting(url, workshop, api_key_env), flush=True)
            if host not in LOCAL_HOSTS and api_key is None:
                print("Anyone who reaches this address can use it: --api-key-env asks for a key.")

        try:
            serve_workshop(workshop, host, port, api_key, ready)
        except KeyboardInterrupt:
            print("Stopped.")
        except OSError as error:
            raise UsageError(
                f"cannot listen on {host}:{port}: {error.strerror}; "
                "choose another --port (0 takes a free one) or --host"
            ) from error


def asked_key(name: str | None) -> str | None:
    """Return the key that clients must send, if one is asked for."""
    if name is None:
        return None
    key = os.environ.get(name, "").strip()
    if not key:
        raise UsageError(f"--api-key-env {name}: the environment has no such variable; set it")
    return key


def greeting(url: str, workshop: Workshop, key_name: str | None) -> str:
    """Return what the terminal says once the server listens."""
    names = [model.id for model in workshop.models.all()]
    header = f' -H "Authorization: Bearer ${key_name}"' if key_name else ""
    key = f'os.environ["{key_name}"]' if key_name else '"none"'
    system = "import os, openai" if key_name else "import openai"
    listed = "".join(f"\n  {name}" for name in names)
    return f"""Serving at {url}:{listed}

  curl {url}/chat/completions{header} -H "Content-Type: application/json" \\
    -d '{{"model": "{names[-1]}", "messages": [{{"role": "user", "content": "hello"}}]}}'

  {system}
  client = openai.OpenAI(base_url="{url}", api_key={key})

  harness finetune TRAIN.jsonl --epochs 4 --base-url {url}

Ctrl-C stops it."""
