"""harness diversity: how varied the texts of any file are, alone or against another."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli import options
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.pipeline.texts.diversity import FileReport, Looking
    from harness.pipeline.texts.textset import Reading, Tell, TextSet
    from harness.running.distributed import Cluster

PIPE = "-"


def diversity(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="Files, run folders or logs; - reads a pipe."),
    ],
    field: Annotated[
        str | None,
        typer.Option("--field", metavar="a.b.c", help="Where an answer stands. [unset: found]"),
    ] = None,
    prompt_field: Annotated[
        str | None,
        typer.Option("--prompt-field", metavar="a.b.c", help="What tells prompts apart."),
    ] = None,
    eval_name: Annotated[
        str | None, typer.Option("--eval", "-e", metavar="EVAL", help="Of a run's evals, this one.")
    ] = None,
    training: Annotated[
        Path | None,
        typer.Option("--training", metavar="FILE", help="Count what is copied from these texts."),
    ] = None,
    tokenizer: Annotated[
        str, typer.Option("--tokenizer", help="words, whitespace or characters.")
    ] = "words",
    metrics: Annotated[
        str | None, typer.Option("--metrics", metavar="A,B", help="Only these metrics.")
    ] = None,
    k: Annotated[
        int | None, typer.Option("--k", min=1, help="Use the first K answers of each prompt.")
    ] = None,
    n: Annotated[int, typer.Option("--n", min=1, help="Tokens of the repeated n-grams.")] = 4,
    top: Annotated[int, typer.Option("--top", min=0, help="How long the lists are.")] = 5,
    seed: Annotated[int, typer.Option("--seed", help="Of the intervals.")] = 0,
    unpaired: Annotated[
        bool, typer.Option("--unpaired", help="Compare as wholes, not prompt by prompt.")
    ] = False,
    rarefy: Annotated[
        bool, typer.Option("--rarefy", help="Compare distinct-n of uncut texts, too.")
    ] = False,
    embeddings: options.EmbeddingsModel = None,
    embeddings_base_url: options.EmbeddingsUrl = None,
    embeddings_api_key_env: options.EmbeddingsKeyName = None,
    engine: options.Engine = "here",
    workers: options.Workers = 2,
    ray_address: options.RayAddress = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="OUT", help="Write the metrics as a table.")
    ] = None,
) -> None:
    """Say how varied the texts of a file are, or compare files with the first one.

    A line is a text, a list of answers to one prompt, or an object whose field
    completion, output, response, text and the like is found. Chat messages, answers
    of OpenAI's API and its batches, CSV, plain text, run folders, logs of OpenAI
    evals and packed files (.gz, .zst) are read, too.

    Answers with the same prompt, input, question or id belong together.

    [bold]--engine ray[/bold] measures millions of texts in portions, with the same numbers; JSON
    lines and plain text stay on the disk. Comparing and looking for copies still need all texts
    in the memory of this process.

    [bold]Examples[/bold]

      harness diversity answers.jsonl

      harness diversity base.jsonl tuned.jsonl --training train.jsonl

      harness diversity table.csv --field reply --prompt-field question

      harness diversity reports/demo --eval slogans.heldout.v1

      cat texts.txt | harness diversity - --json

      harness diversity millions.jsonl --engine ray --workers 8
    """
    from harness.cli.diversitycompared import show
    from harness.cli.diversityview import telling
    from harness.pipeline.texts.data import as_data, table_rows
    from harness.pipeline.texts.diversity import Looking, compare_reports
    from harness.pipeline.texts.textset import Reading

    cluster = options.cluster(engine, workers, ray_address)
    looking = Looking(
        metrics=names_in(metrics),
        tokenizer=tokenizer,
        k=k,
        n=n,
        top=top,
        seed=seed,
        unpaired=unpaired,
        rarefy=rarefy,
        embedder=options.RunOptions(
            embeddings=embeddings,
            embeddings_base_url=embeddings_base_url,
            embeddings_api_key_env=embeddings_api_key_env,
        ).embedder(),
    )
    with telling() as tell:
        read = reader(cluster)
        sets = read_all(files, Reading(field, prompt_field, eval_name), tell, read)
        learned = training_texts(training, tell)
        if rarefy and len(sets) == 1:
            raise UsageError("--rarefy compares files; give a second one")
        reports = list(looked_at(sets, looking, learned, tell, cluster))
        compared = []
        for report in reports[1:]:
            tell(f"{report.source.name}: comparing with {reports[0].source.name}")
            compared.append(compare_reports(reports[0], report, looking))
    if csv is not None:
        write_table(csv, list(table_rows(reports, compared)))
    if as_json:
        print_json(as_data(reports, compared, looking))
    else:
        show(reports, compared, looking)


def names_in(listed: str | None) -> tuple[str, ...] | None:
    """The names of a list with commas.

    Raises:
        UsageError: none is in it, or one that is no metric.
    """
    if listed is None:
        return None
    from harness.analysis.diversity.metrics import measure_named

    names = tuple(dict.fromkeys(name.strip() for name in listed.split(",") if name.strip()))
    if not names:
        raise UsageError("--metrics: name at least one, such as self_bleu,distinct_4")
    for name in names:
        try:
            measure_named(name)
        except ValueError as error:
            raise UsageError(f"--metrics: {error}") from error
    return names


Read = Callable[[str, "Reading", "Tell"], list["TextSet"]]


def reader(cluster: Cluster | None) -> Read:
    """How files are read: workers read texts where they stand."""
    from harness.pipeline.texts.files import read_texts
    from harness.pipeline.texts.places import placed_texts

    return read_texts if cluster is None else placed_texts


def looked_at(
    sets: Sequence[TextSet],
    looking: Looking,
    learned: Sequence[str],
    tell: Tell,
    cluster: Cluster | None,
) -> Iterator[FileReport]:
    """What is found in each set, here or by workers."""
    from harness.pipeline.texts.diversity import look

    if cluster is None:
        yield from (look(one, looking, learned, tell) for one in sets)
        return
    from harness.pipeline.texts.spread import look_spread
    from harness.running.portions import crew

    tell("starting Ray")
    with crew(cluster) as workers:
        for one in sets:
            yield look_spread(one, looking, workers, learned, tell)


def read_all(files: Sequence[str], reading: Reading, tell: Tell, read: Read) -> list[TextSet]:
    """The text sets of all files, under names that differ.

    Raises:
        UsageError: a pipe that is read twice, or no pipe where one is to be read.
    """
    from harness.pipeline.texts.files import named_apart, piped

    if files.count(PIPE) > 1:
        raise UsageError("-: a pipe can be read once; give the other texts as files")
    if PIPE in files and sys.stdin.isatty():
        raise UsageError("-: nothing is piped in; write cat FILE | harness diversity -")
    found: list[TextSet] = []
    for file in files:
        tell(f"reading {file}")
        piped_in = file == PIPE
        found += piped(sys.stdin.buffer, reading, tell) if piped_in else read(file, reading, tell)
    return named_apart(found)


def training_texts(path: Path | None, tell: Tell) -> list[str]:
    """The completions of a training file."""
    if path is None:
        return []
    from harness.pipeline.texts.files import read_texts

    tell(f"reading {path}")
    return [text for one in read_texts(str(path), None, tell) for text in one.texts]


def print_json(data: Mapping[str, Any]) -> None:
    """The data as JSON, readable."""
    import orjson

    text = orjson.dumps(data, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    sys.stdout.buffer.write(text)


def write_table(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """The rows as a CSV file.

    Raises:
        UsageError: it cannot be written.
    """
    import csv

    from harness.pipeline.texts.data import COLUMNS

    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS, restval="")
            writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        raise UsageError(f"--csv {path}: cannot be written ({error.strerror})") from error
