"""How each client is started: a command and its environment for a piece of work."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from benchmarks.runner.work import EVAL, MODEL, Work

BIN = Path(sys.executable).parent
KEY = "sk-bench"
Command = Callable[[Work], list[str]]


@dataclass(frozen=True)
class Client:
    """One way to have samples asked. ``most`` samples are enough of one that is slow."""

    name: str
    command: Command
    needs: str = ""
    most: int = 1_000_000
    environment: Callable[[Work], Mapping[str, str]] = field(default=lambda work: {})

    @property
    def missing(self) -> str | None:
        """The package that is not installed, if one is not."""
        return self.needs if self.needs and find_spec(self.needs) is None else None


def _own(which: str) -> Command:
    def command(work: Work) -> list[str]:
        script = [sys.executable, "-m", "benchmarks.runner.own_clients"]
        return [*script, which, work.url, str(work.samples), str(work.concurrency)]

    return command


def _harness(work: Work) -> list[str]:
    return [
        *(str(BIN / "harness"), "run", EVAL, "--model", MODEL, "--base-url", work.url),
        *("--registry", str(work.registry), "--data", str(work.folder)),
        *("--concurrency", str(work.concurrency), "--out", str(work.out / "harness")),
        "--overwrite",
    ]


def _oaieval(work: Work) -> list[str]:
    return [
        *(str(BIN / "oaieval"), MODEL, EVAL, "--registry_path", str(work.registry)),
        *("--record_path", str(work.out / "oaieval.jsonl")),
    ]


def _oaieval_environment(work: Work) -> dict[str, str]:
    return {
        "OPENAI_API_KEY": KEY,
        "OPENAI_BASE_URL": work.url,
        "EVALS_THREADS": str(work.concurrency),
        "EVALS_SHOW_EVAL_PROGRESS": "0",
    }


INSPECT_TASK = """
from inspect_ai import Task, task
from inspect_ai.dataset import json_dataset
from inspect_ai.scorer import match

@task
def bench():
    return Task(dataset=json_dataset({file!r}, lambda line: __import__("inspect_ai").dataset.Sample(
        input=line["input"][1]["content"], target=line["ideal"])), scorer=match("begin"))
"""


def _inspect(work: Work) -> list[str]:
    work.out.mkdir(exist_ok=True)
    script = work.out / "inspect_bench.py"
    script.write_text(INSPECT_TASK.format(file=str(work.samples)))
    return [
        # It takes no absolute path for a pattern of its own.
        *(str(BIN / "inspect"), "eval", os.path.relpath(script), "--model", f"openai/{MODEL}"),
        *("--model-base-url", work.url, "--max-connections", str(work.concurrency)),
        *("--log-dir", str(work.out / "inspect"), "--display", "none"),
    ]


LM_EVAL_TASK = """
task: bench
dataset_path: json
dataset_kwargs: {{data_files: {{test: {file}}}}}
test_split: test
output_type: generate_until
doc_to_text: "{{{{input[1]['content']}}}}"
doc_to_target: ideal
metric_list: [{{metric: exact_match, aggregation: mean, higher_is_better: true}}]
"""


def _lm_eval(work: Work) -> list[str]:
    tasks = work.out / "lm_eval_tasks"
    tasks.mkdir(parents=True, exist_ok=True)
    (tasks / "bench.yaml").write_text(LM_EVAL_TASK.format(file=work.samples))
    server = f"model={MODEL},base_url={work.url}/chat/completions,num_concurrent={work.concurrency}"
    return [
        *(str(BIN / "lm_eval"), "--model", "local-chat-completions", "--model_args", server),
        *("--tasks", "bench", "--include_path", str(tasks), "--apply_chat_template"),
    ]


def _keyed(work: Work) -> dict[str, str]:
    return {"OPENAI_API_KEY": KEY}


FLOOR = Client("aiohttp floor", _own("floor"))
RUNNER = Client("our runner", _own("runner"))
HARNESS = Client("`harness run`", _harness)
OTHERS = (
    Client("oaieval", _oaieval, "evals", 200, _oaieval_environment),
    Client("Inspect", _inspect, "inspect_ai", 300, _keyed),
    Client("lm-eval", _lm_eval, "lm_eval", 10_000, _keyed),
)
"""What is not installed is left out, and said so. The commands of the last two were written after
their documentation."""


def cleared(work: Work) -> Work:
    """The same work, without what an earlier client wrote."""
    shutil.rmtree(work.out, ignore_errors=True)
    work.out.mkdir()
    return work
