"""Options that several commands share, and what they become."""

from __future__ import annotations

import functools
import inspect
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_type_hints

import typer

from harness.cli.terminal import Output
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.analysis.cost import PriceTable
    from harness.models.providers import Access
    from harness.pipeline import Order
    from harness.pipeline.measuring.embedding import Embedder
    from harness.pipeline.orders.caching import Caching
    from harness.records import Study
    from harness.registry import Registry
    from harness.running.distributed import Cluster
    from harness.running.retries import Limits

KEY_NAME = "OPENAI_API_KEY"
MOST_CONCURRENCY = 1000
"""In flight at most where the number is found by itself."""
OFF = "off"

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
Engine = Annotated[
    str,
    typer.Option("--engine", metavar="here|ray", help="Work in this process, or by Ray workers."),
]
Workers = Annotated[int, typer.Option("--workers", min=1, help="With --engine ray: how many.")]
RayAddress = Annotated[
    str | None,
    typer.Option("--ray-address", metavar="ADDR", help="A Ray cluster; else one is begun."),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Begin anew where --out holds a run already.")
]
Force = Annotated[
    bool,
    typer.Option(
        "--force", help="Compare open tasks that were sampled differently; the report says so."
    ),
]
Repeats = Annotated[
    int | None,
    typer.Option("--repeats", min=1, help="Ask each prompt so often, one choice a request."),
]
Plain = Annotated[
    bool,
    typer.Option("--plain", help="For logs: no colours, no bars that are drawn over, ASCII."),
]
AsJson = Annotated[
    bool,
    typer.Option(
        "--json", help="For pipes: report.json on standard output, words on standard error."
    ),
]
DataFolders = Annotated[
    list[Path] | None,
    typer.Option("--data", metavar="DIR", help="A further folder registries may read."),
]

EmbeddingsModel = Annotated[
    str | None,
    typer.Option(
        "--embeddings",
        metavar="MODEL|MODULE:FUNCTION",
        help="Compare meanings, too: by an embedding model, or a function of your own.",
    ),
]
EmbeddingsUrl = Annotated[
    str | None,
    typer.Option(
        "--embeddings-base-url", metavar="URL", help="The embedding model's server, if another."
    ),
]
EmbeddingsKeyName = Annotated[
    str | None,
    typer.Option("--embeddings-api-key-env", metavar="NAME", help="The variable with its key."),
]
CacheFolder = Annotated[
    str | None,
    typer.Option(
        "--cache",
        metavar="DIR|off",
        help="Where answers are kept across runs; unset: those of public servers are, in "
        "~/.cache/harness.",
    ),
]

# --- options of OpenAI evals, and what its commands take beside them ------------------

CompletionArgs = Annotated[
    str, typer.Option("--completion_args", help="key=value,... such as api_base=URL.")
]
LegacyRegistryPaths = Annotated[
    list[Path] | None, typer.Option("--registry_path", help="A registry; repeatable.")
]
ModelsUrl = Annotated[
    str | None, typer.Option("--base-url", metavar="URL", help="The models' server.")
]
JudgeUrl = Annotated[
    str | None, typer.Option("--judge-base-url", metavar="URL", help="The judge's server.")
]
JudgeKeyName = Annotated[
    str | None, typer.Option("--judge-api-key-env", metavar="NAME", help="Its key's variable.")
]


@dataclass(frozen=True)
class RunOptions:
    """How to ask models and where to write: the options of every command that does.

    A field is an option of them all; what it becomes is said in `access` or `order`.
    """

    out: Out = None
    resume: Resume = False
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="With --resume: ask failed samples again.")
    ] = False
    overwrite: Overwrite = False
    registry: RegistryPaths = None
    base_url: Annotated[
        str | None,
        typer.Option(
            "--base-url", metavar="URL", help="Any OpenAI-compatible server, ends in /v1."
        ),
    ] = None
    api_key_env: Annotated[
        str,
        typer.Option(
            "--api-key-env", metavar="NAME", help="The environment variable with the key."
        ),
    ] = KEY_NAME
    organization: Annotated[
        str | None, typer.Option("--organization", help="Sent as OpenAI-Organization.")
    ] = None
    header: Annotated[
        list[str] | None,
        typer.Option(
            "--header",
            metavar="NAME:VALUE",
            help="Sent with every request; a VALUE '$NAME' is that variable's; repeatable.",
        ),
    ] = None
    concurrency: Annotated[
        str,
        typer.Option(
            "--concurrency", metavar="N|auto", help="Requests in flight; auto: as many as help."
        ),
    ] = "auto"
    rpm: Annotated[
        float | None, typer.Option("--rpm", min=0.01, help="Requests a minute at most.")
    ] = None
    tpm: Annotated[float | None, typer.Option("--tpm", min=1, help="Tokens a minute at most.")] = (
        None
    )
    max_cost: Annotated[
        float | None,
        typer.Option("--max-cost", metavar="USD", min=0, help="Stop when it has cost so much."),
    ] = None
    max_attempts: Annotated[
        int, typer.Option("--max-attempts", min=1, help="Tries of a request that fails.")
    ] = 5
    deadline: Annotated[
        float,
        typer.Option("--deadline", min=0.1, help="Seconds for one sample, all tries together."),
    ] = 600.0
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.1, help="Seconds for one request.")
    ] = 60.0
    batch: Annotated[
        bool,
        typer.Option("--batch", help="Send files to the server's Batch API: cheaper, up to 24 h."),
    ] = False
    max_samples: Annotated[
        int | None,
        typer.Option("--max-samples", min=1, help="Only so many, picked as OpenAI evals does."),
    ] = None

    judge: Annotated[
        str | None,
        typer.Option("--judge", metavar="MODEL", help="The model that marks judged evals."),
    ] = None
    judge_base_url: Annotated[
        str | None,
        typer.Option("--judge-base-url", metavar="URL", help="The judge's server, if another."),
    ] = None
    judge_api_key_env: Annotated[
        str | None,
        typer.Option("--judge-api-key-env", metavar="NAME", help="The variable with its key."),
    ] = None
    embeddings: EmbeddingsModel = None
    embeddings_base_url: EmbeddingsUrl = None
    embeddings_api_key_env: EmbeddingsKeyName = None
    policy: Annotated[
        str | None,
        typer.Option(
            "--policy",
            metavar="FILE|NAME",
            help="Hold the result against a policy; the exit code is the gate's (0, 1, 3, 4).",
        ),
    ] = None
    looks: Annotated[
        int | None,
        typer.Option(
            "--looks",
            min=2,
            max=20,
            metavar="N",
            help="With --policy: look so often, and stop when it is decided.",
        ),
    ] = None
    any_time: Annotated[
        bool,
        typer.Option("--any-time", help="The same at any time; needs more samples to decide."),
    ] = False
    data: Annotated[
        list[Path] | None,
        typer.Option(
            "--data", metavar="DIR", help="A further folder registries may read; repeatable."
        ),
    ] = None
    allow_code: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-code",
            metavar="PREFIX",
            help="Modules whose classes a registry may run, or python; repeatable.",
        ),
    ] = None

    cache: CacheFolder = None
    cache_sampled: Annotated[
        bool,
        typer.Option("--cache-sampled", help="Keep answers drawn without a seed, too."),
    ] = False
    cache_size: Annotated[
        float,
        typer.Option("--cache-size", metavar="GB", min=0.001, help="What the cache may take."),
    ] = 1.0
    prices: Annotated[
        Path | None,
        typer.Option(
            "--prices", metavar="FILE", help="What models cost; it counts before ~/.evals."
        ),
    ] = None
    engine: Engine = "here"
    workers: Workers = 2
    ray_address: RayAddress = None
    replica: Annotated[
        list[str] | None,
        typer.Option(
            "--replica", metavar="URL", help="With --engine ray: a worker's server; repeatable."
        ),
    ] = None
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Say how many requests, tokens and dollars it would take; ask nobody."
        ),
    ] = False
    plain: Plain = False
    as_json: AsJson = False

    def __post_init__(self) -> None:
        """See that nothing is deleted that is to be gone on with."""
        refuse_both(resume=self.resume, overwrite=self.overwrite)

    def output(self) -> Output:
        """How to speak.

        Raises:
            UsageError: JSON of a run that is not to be.
        """
        if self.as_json and self.dry_run:
            raise UsageError("--json is the report's, and --dry-run makes none; leave one out")
        return Output(self.plain, self.as_json)

    def known(self) -> Registry:
        """The registry to look names up in."""
        return registry(self.registry, self.data, self.allow_code)

    def access(self) -> Access:
        """How to reach the server.

        Raises:
            UsageError: a header that is none, or a named variable that is not set.
        """
        return self._access(self.base_url, self.api_key_env)

    def judge_access(self) -> Access:
        """How to reach the judge.

        Raises:
            UsageError: a named variable that is not set.
        """
        url = self.judge_base_url or self.base_url
        return self._access(url, self.judge_api_key_env or self.api_key_env)

    def embeddings_access(self, study: Study) -> Access | None:
        """How to reach the study's embedding model, if it names one.

        A function has no address. Headers go to the models' server only.

        Raises:
            UsageError: a named variable that is not set.
        """
        named = study.embeddings
        if named is None:
            return None
        theirs = self.base_url or (study.base_url if study.provider == "openai" else None)
        url = None if named.is_code else named.base_url or theirs
        access = self._access(url, self.embeddings_api_key_env or self.api_key_env)
        return access if url == theirs else replace(access, organization=None, headers={})

    def embedder(self) -> Embedder | None:
        """Who turns texts into vectors, where no study names one.

        Raises:
            UsageError: a server and no model, or no way to reach it.
        """
        from harness.pipeline.measuring.embedding import embedder_for
        from harness.records import Study

        study = self.embedded(Study(name="", base="", experiments=()))
        if study.embeddings is None:
            return None
        access = self.embeddings_access(study)
        return embedder_for(study.embeddings, access, self.caching(), self.limits())

    def _access(self, base_url: str | None, key_name: str) -> Access:
        """Keys are read from the environment here and nowhere else."""
        from harness.models.providers import Access

        key = os.environ.get(key_name, "").strip() or None
        if key is None and key_name != KEY_NAME:
            raise UsageError(f"{key_name} is not set; export the key, or name another")
        return Access(
            base_url=base_url,
            default_url=os.environ.get("OPENAI_BASE_URL") or None,
            api_key=key,
            organization=self.organization,
            headers=dict(_header(text) for text in self.header or ()),
            timeout_s=min(self.timeout, self.deadline),
        )

    def order(self, study: Study) -> Order:
        """A study, and how and where to run it.

        Raises:
            UsageError: a concurrency that is none.
        """
        from harness.pipeline import Order
        from harness.pipeline.folder.runfolder import run_folder

        study = self.embedded(self.gated(self.judged(study)))
        return Order(
            study=study,
            out=run_folder(self.out, study.name),
            command=command_line(),
            resume=self.resume,
            overwrite=self.overwrite,
            retry_failed=self.retry_failed,
            batch=self.batch,
            max_samples=self.max_samples,
            looks=self.looked(),
            limits=self.limits(),
            max_cost=self.max_cost,
            judge_access=self.judge_access(),
            embeddings_access=self.embeddings_access(study),
            allow_code=tuple(self.allow_code or ()),
            caching=self.caching(),
            prices=prices(self.prices),
            dry_run=self.dry_run,
            cluster=self.cluster(),
            replicas=tuple(self.replica or ()),
        )

    def cluster(self) -> Cluster | None:
        """The workers that ask, if it is not this process.

        Raises:
            UsageError: no such engine, or options of another.
        """
        if self.replica and self.engine == "here":
            raise UsageError("--replica is for --engine ray; add it")
        return cluster(self.engine, self.workers, self.ray_address)

    def limits(self) -> Limits:
        """How much and how long to ask.

        Raises:
            UsageError: a concurrency that is none.
        """
        return replace(
            limits(self.concurrency),
            rpm=self.rpm,
            tpm=self.tpm,
            max_attempts=self.max_attempts,
            deadline_s=self.deadline,
        )

    def caching(self) -> Caching:
        """Where answers are kept, and which."""
        from harness.pipeline.orders.caching import Caching

        folder = None if self.cache == OFF else cache_folder(self.cache)
        size = int(self.cache_size * 10**9)
        return Caching(folder, self.cache is not None, self.cache_sampled, size)

    def looked(self) -> int | None:
        """How often to look before the end; 0 at any time, None never.

        Raises:
            UsageError: both ways at once.
        """
        if self.any_time and self.looks is not None:
            raise UsageError("give --looks N or --any-time, not both")
        return 0 if self.any_time else self.looks

    def gated(self, study: Study) -> Study:
        """The study with the policy that was named, if one was; it replaces the study's own."""
        if self.policy is None:
            return study
        return replace(study, policy=self.known().policy(self.policy))

    def judged(self, study: Study) -> Study:
        """The study with the judge that was named, if one was."""
        if self.judge is None:
            return study
        from harness.models.providers import ModelName
        from harness.records import Route

        judge = ModelName.parse(self.judge)
        route = Route(self.judge, judge.name, judge.kind, self.judge_base_url)
        return replace(study, judge=route)

    def embedded(self, study: Study) -> Study:
        """The study with the embedding model that was named, if one was.

        Raises:
            UsageError: a server and no model.
        """
        from harness.records import Embeddings

        named = study.embeddings
        if self.embeddings is not None:
            named = Embeddings(self.embeddings, self.embeddings_base_url)
        elif self.embeddings_base_url is not None:
            if named is None:
                raise UsageError("--embeddings-base-url needs a model: name it with --embeddings")
            named = replace(named, base_url=self.embeddings_base_url)
        return replace(study, embeddings=named)


def refuse_both(*, resume: bool, overwrite: bool) -> None:
    """Nobody can go on with a run that is begun anew.

    Raises:
        UsageError: both are asked for.
    """
    if resume and overwrite:
        raise UsageError(
            "--resume goes on with the run in --out, and --overwrite removes it; leave one out"
        )


def with_run_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command one option for each field of its parameter ``asked: RunOptions``.

    typer reads options from a function's signature, so the fields are written into it.
    """
    own = inspect.signature(command, eval_str=True).parameters.values()
    kinds = get_type_hints(RunOptions, include_extras=True)
    shared = [
        inspect.Parameter(
            one.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=one.default,
            annotation=kinds[one.name],
        )
        for one in fields(RunOptions)
    ]

    @functools.wraps(command)
    def spread(**given: object) -> None:
        chosen = {option.name: given.pop(option.name) for option in shared}
        command(**given, asked=RunOptions(**chosen))  # type: ignore[arg-type]  # typer checked

    kept = [p.replace(kind=p.KEYWORD_ONLY) for p in own if p.name != "asked"]
    spread.__signature__ = inspect.Signature([*kept, *shared])  # type: ignore[attr-defined]
    return spread


def _header(text: str) -> tuple[str, str]:
    """A header's name and value; a value ``$NAME`` is read from the environment.

    Nothing of a header is quoted: all of it may be the key.
    """
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise UsageError("a --header has no name: write it as NAME:VALUE")
    value = value.strip()
    if not re.fullmatch(r"\$\w+", value):
        return name.strip(), value
    if value[1:] not in os.environ:
        raise UsageError(f"{value[1:]} is not set; export what header {name.strip()!r} needs")
    return name.strip(), os.environ[value[1:]]


def cluster(engine: str, workers: int, address: str | None) -> Cluster | None:
    """The workers, if it is not this process that works.

    Raises:
        UsageError: no such engine, or an address for this process.
    """
    if engine == "here":
        if address:
            raise UsageError("--ray-address is for --engine ray; add it")
        return None
    if engine != "ray":
        raise UsageError(f"--engine {engine}: there is no such engine; use here or ray")
    from harness.running.distributed import Cluster

    return Cluster(workers, address)


def limits(concurrency: str) -> Limits:
    """The bounds of a run.

    Raises:
        UsageError: not a number of 1 or more, and not ``auto``.
    """
    from harness.running.retries import Limits

    if concurrency == "auto":
        return Limits(concurrency=MOST_CONCURRENCY, adaptive=True)
    if not concurrency.isdecimal() or int(concurrency) < 1:
        raise UsageError(f"--concurrency {concurrency}: give a number of 1 or more, or auto")
    return Limits(concurrency=int(concurrency))


def registry(
    paths: list[Path] | None,
    data: list[Path] | None = None,
    allowed: list[str] | None = None,
) -> Registry:
    """Our own registry, the user's ``~/.evals``, and the given folders."""
    from harness.registry import load_registry

    return load_registry(paths or (), Path.home(), data or (), allowed or ())


def cache_folder(asked: str | None) -> Path:
    """The folder of kept answers: as asked, or the user's own."""
    if asked is not None:
        return Path(asked).expanduser()
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "harness" / "completions"


def prices(file: Path | None) -> tuple[PriceTable, ...]:
    """What models cost: by the named file, the user's ``~/.evals`` and our own table.

    Raises:
        RegistryError: a file that is not there or cannot be read.
    """
    from harness.registry.prices import load_prices

    return load_prices(Path.home(), file)


def folder_name(name: str) -> str:
    """The name of an eval or a model as that of one folder, which no other folder contains."""
    safe = "".join(c if c.isalnum() or c in "._-" else "_" for c in name)
    return safe.lstrip(".") or "_"


def command_line() -> str:
    """The command as it was typed, without what is secret in it."""
    from harness.models.secrecy import shown_command

    return shown_command(["harness", *sys.argv[1:]])
