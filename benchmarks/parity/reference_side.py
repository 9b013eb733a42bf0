"""The reference package's side, in a process of its own: ``python reference_side.py JOB.json``.

It runs every eval of the job through the package's own command-line function, one log a name,
and writes ``problems.json`` beside them: why an eval did not run. Two things are made faster
without a change in what they do: YAML is parsed in C, and the client is built once, not for
every request.
"""

from __future__ import annotations

import functools
import json
import sys
import types
import warnings
from pathlib import Path
from typing import Any


def main(job: dict[str, Any]) -> None:
    """Run the job's evals one after the other."""
    warnings.simplefilter("ignore")
    import yaml

    yaml.SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # type: ignore[misc]
    if job["rows"]:
        sys.modules["datasets"] = hub(Path(job["rows"]))
    import evals.cli.oaieval as cli
    import evals.completion_fns.openai as client
    from evals.registry import Registry

    client.OpenAI = functools.cache(client.OpenAI)
    registry, folder = Registry(job["registries"]), Path(job["logs"])
    problems = {}
    for name in job["evals"]:
        command = [job["models"], name]
        command += ["--record_path", str(folder / f"{name}.jsonl")]
        if job["max_samples"]:
            command += ["--max_samples", str(job["max_samples"])]
        try:
            cli.run(cli.get_parser().parse_args(command), registry)
        except BaseException as error:
            problems[name] = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            if isinstance(error, KeyboardInterrupt):
                raise
    (folder / "problems.json").write_text(json.dumps(problems))


def hub(rows: Path) -> types.ModuleType:
    """The package `datasets`, as far as multiple choice uses it, with every data set these rows."""
    listed = [json.loads(line) for line in rows.read_text().splitlines()]
    for row in listed:
        row |= {"choices": row["answers"], "answer": row["label"]}
        row |= {"ctx": row["question"], "endings": row["answers"]}
    made = types.ModuleType("datasets")
    made.load_dataset = lambda path, **query: listed  # type: ignore[attr-defined]
    return made


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
