"""harness finetune: start a tuning job, follow it, and show what came out."""

from __future__ import annotations

import math
import os
import shlex
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import EXIT_INTERRUPTED
from harness.cli.options import KEY_NAME
from harness.cli.tuningview import TuningView
from harness.errors import ProviderError, UsageError
from harness.models.providers import OPENAI_URL

if TYPE_CHECKING:
    from harness.finetuning.api import ApiTuning
    from harness.finetuning.exports import JobExport, TuningResult
    from harness.finetuning.jobs import TuningRequest

EMBEDDED_BASE = "tiny-base"
EMBEDDED_PREFIX = "embedded:"


def finetune(
    train: Annotated[
        Path | None, typer.Argument(metavar="TRAIN.jsonl", help="Chats to train on, one a line.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Passes over the data; unset: the service's choice.")
    ] = None,
    valid: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Chats, or samples of an eval, to measure the loss on."),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="What to tune; unset: the embedded tiny-base."),
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(metavar="URL", help="A server with /fine_tuning/jobs.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Decides the order of the examples.")] = None,
    suffix: Annotated[
        str | None, typer.Option(metavar="NAME", help="A part of the tuned model's name.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Examples a step.")] = None,
    learning_rate_multiplier: Annotated[
        float | None, typer.Option(help="Scales the service's learning rate.")
    ] = None,
    job: Annotated[
        str | None,
        typer.Option(metavar="ID|DIR", help="Take up a job: its id, or the --out of its start."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Save the job, its metrics, and embedded models."),
    ] = None,
    api_key_env: Annotated[
        str, typer.Option(metavar="NAME", help="The environment variable with the server's key.")
    ] = KEY_NAME,
) -> None:
    """Tune a model: start a job, follow it, and list the checkpoint of every epoch.

    Without --base and --base-url the embedded model is tuned, in this process;
    other models are tuned at OpenAI, or at --base-url. A server's job goes on
    when you leave it, and --job takes it up again from its first event; a server
    that does not answer for some minutes is asked again by itself.

    [bold]Examples[/bold]

      harness finetune train.jsonl --epochs 4 --valid valid.jsonl --out tuned/

      harness finetune train.jsonl --epochs 3 --base gpt-4.1-mini-2025-04-14

      harness finetune --job ftjob-123 --base-url http://127.0.0.1:8000/v1

      harness finetune --job tuned/      (the --out of a job that was left)
    """
    from harness.finetuning.jobs import TuningRequest, file_meant

    if (train is None) == (job is None):
        raise UsageError("give either TRAIN.jsonl, or --job ID of a job that runs already")
    here = base_url is None and job is None and is_embedded(base)
    server = Server(base_url or OPENAI_URL, api_key_env)
    request = None
    if train is None:
        server, job_id, out = taken_up(job or "", server, base_url, out)
        result = follow_there(server, job_id, out)
    else:
        refuse_second_job(out)
        if learning_rate_multiplier is not None and not 0 < learning_rate_multiplier < math.inf:
            raise UsageError(
                f"--learning-rate-multiplier {learning_rate_multiplier:g}: give a number above 0"
            )
        request = TuningRequest(
            base=base_of(base, base_url),
            training=train,
            validation=valid,
            epochs=epochs,
            seed=seed,
            batch_size=batch_size,
            learning_rate_multiplier=learning_rate_multiplier,
            suffix=suffix,
        )
        result = tune_here(request, out) if here else tune_there(server, request, out)
    if result.status != "succeeded":
        reason = f": {result.error}" if result.error else ""
        about = f"{file_meant(request, reason)}: " if request and "file" in reason else ""
        raise ProviderError(f"{about}job {result.job_id} ended as {result.status}{reason}")


def is_embedded(base: str | None) -> bool:
    """Whether a base model is the one in this process."""
    return base is None or base == EMBEDDED_BASE or base.startswith(EMBEDDED_PREFIX)


def base_of(base: str | None, base_url: str | None) -> str:
    """Return the base model's name as its service knows it."""
    if base is None and base_url == OPENAI_URL:
        raise UsageError("--base is missing; name the model to tune, like gpt-4.1-mini-2025-04-14")
    return (base or EMBEDDED_BASE).removeprefix(EMBEDDED_PREFIX)


# --- in this process -----------------------------------------------------------------


def tune_here(request: TuningRequest, out: Path | None) -> TuningResult:
    """Tune the embedded model; its weights end with this process unless they are saved."""
    from harness.embedded.workshop import Workshop
    from harness.finetuning.exports import result_of
    from harness.finetuning.jobs import EmbeddedTuning

    with Workshop() as workshop:
        service, view = EmbeddedTuning(workshop), TuningView()
        job_id = service.start(request)
        stopped = False
        try:
            view.follow(service.follow(job_id))
        except KeyboardInterrupt:
            service.cancel(job_id)
            stopped = True
        export = service.export(job_id)
        result = result_of(export, f"job {job_id}")
        view.show(result)
        if not result.checkpoints:
            view.say("There is no tuned model.")
        elif out is None:
            view.say("The tuned models end with this process; --out DIR saves them.")
        else:
            save_job(export, out)
            workshop.models.save(out, [checkpoint.model for checkpoint in result.checkpoints])
            view.say(f"Saved in {out}. To ask these models: harness serve --models {quoted(out)}")
            view.say(f"What next: harness advise {quoted(out)}")
    if stopped:
        view.say("Stopped early: these are the checkpoints so far. The same command starts anew.")
        raise typer.Exit(EXIT_INTERRUPTED)
    return result


# --- on a server ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Server:
    """Where jobs run, and the name of the environment variable that holds its key."""

    url: str
    key_name: str

    @property
    def key(self) -> str:
        """The key; servers other than OpenAI's may need none.

        Raises:
            UsageError: this one needs a key and there is none.
        """
        key = os.environ.get(self.key_name, "").strip()
        if not key and (self.url == OPENAI_URL or self.key_name != KEY_NAME):
            raise UsageError(
                f"no API key for {self.url}: set {self.key_name}, or give another --base-url"
            )
        return key or "none"

    def resume_command(self, job_id: str, out: Path | None) -> str:
        """The command that takes a job up again."""
        command = ["harness", "finetune", "--job", job_id, "--base-url", self.url]
        command += ["--api-key-env", self.key_name] if self.key_name != KEY_NAME else []
        command += ["--out", str(out)] if out else []
        return shlex.join(command)

    def advise_command(self, job_id: str, out: Path | None) -> str:
        """The command that judges a job's curves."""
        if out is not None:
            return shlex.join(["harness", "advise", str(out)])
        command = ["harness", "advise", job_id, "--base-url", self.url]
        command += ["--api-key-env", self.key_name] if self.key_name != KEY_NAME else []
        return shlex.join(command)


def tune_there(server: Server, request: TuningRequest, out: Path | None) -> TuningResult:
    """Start a job on a server, and follow it to its end."""
    from harness.finetuning.api import ApiTuning

    with closing(ApiTuning(server.key, server.url)) as service:
        job_id = service.start(request)
        print(f"Started job {job_id} on {server.url}", flush=True)
        if out is not None:
            with leaving_it_running(server.resume_command(job_id, out)):
                save_job(service.export(job_id), out)
    return follow_there(server, job_id, out)


def follow_there(server: Server, job_id: str, out: Path | None) -> TuningResult:
    """Follow a job on a server to its end, from wherever it is now."""
    from harness.finetuning.api import ApiTuning
    from harness.finetuning.exports import result_of

    if not job_id.strip():
        raise UsageError("--job is empty; give the id that the server gave, ftjob-...")
    view = TuningView()
    with (
        closing(ApiTuning(server.key, server.url)) as service,
        leaving_it_running(server.resume_command(job_id, out)),
    ):
        try:
            view.follow(service.follow(job_id))
        except KeyboardInterrupt:
            save_what_there_is(service, job_id, out)
            raise
        export = service.export(job_id)
    result = result_of(export, f"job {job_id}")
    view.show(result)
    if out is not None:
        save_job(export, out)
        view.say(f"Saved in {out}.")
    view.say(f"What next: {server.advise_command(job_id, out)}")
    return result


def save_what_there_is(service: ApiTuning, job_id: str, out: Path | None) -> None:
    """Save a job that is left before its end, as far as its server says."""
    if out is not None:
        with suppress(ProviderError):
            save_job(service.export(job_id), out)


def taken_up(
    job: str, server: Server, base_url: str | None, out: Path | None
) -> tuple[Server, str, Path | None]:
    """Return which job on which server to take up, and where to save it; a folder knows both."""
    from harness.finetuning.exports import JOB_FILE, read_export

    folder = Path(job)
    if not job.strip() or not (folder / JOB_FILE).is_file():
        return server, job, out
    export = read_export(folder)
    url, job_id = base_url or export.server, export.job.get("id")
    if url is None or not isinstance(job_id, str):
        raise UsageError(
            f"{folder}: its job ran in a process of the embedded model and ended with it; "
            f"start anew, or see what it made: harness advise {quoted(folder)}"
        )
    return replace(server, url=url), job_id, out or folder


def refuse_second_job(out: Path | None) -> None:
    """A job that was left still runs, and one that ended has cost: none is started in its place."""
    from harness.finetuning.exports import JOB_FILE, read_export
    from harness.finetuning.jobs import FINISHED

    if out is None or not (out / JOB_FILE).is_file():
        return
    export = read_export(out)
    if export.server is not None and export.job.get("status") not in FINISHED:
        raise UsageError(
            f"{out}: job {export.job.get('id')} was started from here and left before its end; "
            f"take it up with harness finetune --job {quoted(out)}, or choose another --out"
        )
    if export.job.get("status") == "succeeded":
        raise UsageError(
            f"{out}: holds job {export.job.get('id')}, which has ended: harness advise "
            f"{quoted(out)} reads it; choose another --out for a new one"
        )


@contextmanager
def leaving_it_running(command: str) -> Iterator[None]:
    """Say how to take a job up again when this command loses it: it goes on without us."""
    try:
        yield
    except KeyboardInterrupt:
        print(f"\nThe job goes on. To follow it again:\n  {command}")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    except ProviderError as error:
        raise type(error)(f"{error}; to follow the job again: {command}") from error


def save_job(export: JobExport, out: Path) -> None:
    """Write job.json and metrics.csv."""
    from harness.finetuning.exports import save_export

    save_export(export, out)


def quoted(path: Path) -> str:
    """Return a path as a shell takes it."""
    return shlex.quote(str(path))
