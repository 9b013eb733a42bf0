"""What harness import does with a configuration of promptfoo: write evals, say how to go on."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.cli.folderimport import write_files
from harness.errors import UsageError
from harness.importing.promptfoo import Promptfoo, read_promptfoo
from harness.importing.promptfoo.evals import Provider


def import_promptfoo(files: Sequence[Path], out: Path, overwrite: bool) -> None:
    """Read one configuration, write its evals below ``out``, and print how to run them.

    Raises:
        UsageError: not one file, or one that is there already.
        DatasetError, RegistryError: a file that cannot be used.
    """
    if len(files) != 1:
        raise UsageError("give one configuration of promptfoo, or the folder that it lies in")
    made = read_promptfoo(files[0])
    write_files(made.files, out, overwrite)
    for line in _told(made, out):
        print(line)


def _told(made: Promptfoo, out: Path) -> Iterator[str]:
    yield from (f"Note: {' '.join(note.split())}" for note in made.notes)
    for name, count in made.evals.items():
        yield f"{name}: {count:,} sample{'' if count == 1 else 's'}"
    yield from ("", "Ask a model:")
    known = [one for one in made.providers if one.model]
    others = [one.id for one in made.providers if not one.model]
    if others:
        yield f"  (there: {', '.join(others)}; name the same model behind an OpenAI-compatible URL)"
    for one in known or [Provider("", "MODEL")]:
        yield _run(made, one, out)
    if len(made.evals) > 1:
        yield "Each prompt is an eval; compare two models on all of them with harness compare."


def _run(made: Promptfoo, provider: Provider, out: Path) -> str:
    first = next(iter(made.evals))
    pattern = first if len(made.evals) == 1 else f"{first.partition('.')[0]}.*"
    words = ["harness", "run", pattern, "--registry", str(out), "--model", provider.model or ""]
    words += ["--base-url", provider.base_url] if provider.base_url else []
    words += ["--judge", "JUDGE"] if made.judged else []
    return "  " + shlex.join(words)
