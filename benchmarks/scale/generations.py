"""Made-up generations, 20 a prompt: natural word frequencies, stock phrases and some duplicates."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

import orjson

from harness.datasets import file_hash
from harness.pipeline.folder import manifest as manifests
from harness.pipeline.folder.manifest import Manifest, Plan
from harness.pipeline.folder.runfolder import RunFolder
from harness.records import Completion, Experiment, Outcome, Score, Study
from harness.registry import load_registry
from harness.running.journal import Journal

K = 20
WORDS = 30
VOCABULARY = 20_000
PHRASES = 50
EVAL = "generations.dev.v0"
AGAIN = "registry-again"
"""The registry with today's grader, in the benchmark's folder."""

REGISTERED = f"""
generations:
  id: {EVAL}
  metrics: [accuracy]
{EVAL}:
  class: evals.elsuite.basic.includes:Includes
  args: {{samples_jsonl: FILE, ignore_case: true}}
"""


def generations(count: int) -> Iterator[tuple[int, int, str]]:
    """Prompt, repeat and text; all prompts' first answers, then all second ones, ..."""
    draw = random.Random(3)
    names = [f"w{number}" for number in range(VOCABULARY)]
    odds = list(accumulate(1 / number for number in range(1, VOCABULARY + 1)))
    phrases = [" ".join(draw.choices(names, cum_weights=odds, k=6)) for _ in range(PHRASES)]
    for repeat in range(K):
        for prompt in range(count // K):
            chance = draw.random()
            words = draw.choices(names, cum_weights=odds, k=draw.randint(WORDS - 10, WORDS + 5))
            said = " ".join(words)
            if chance < 0.05:
                said = draw.choice(phrases)
            elif chance < 0.35:
                said = f"{draw.choice(phrases)} {said}"
            yield prompt, repeat, said


def write_generations(path: Path, count: int) -> None:
    """A line of JSON for each generation."""
    with path.open("wb") as file:
        for prompt, _, text in generations(count):
            record = {"prompt": f"Write a sentence about {prompt}.", "completion": text}
            file.write(orjson.dumps(record) + b"\n")


def write_run(run: Path, folder: Path, count: int) -> None:
    """A run folder whose journal holds the generations, marked by nobody yet."""
    samples = folder / f"prompts-{count}.jsonl"
    with samples.open("wb") as file:
        for prompt in range(count // K):
            asked = f"Write a sentence about {prompt}."
            file.write(orjson.dumps({"input": asked, "ideal": f"W{prompt % 97}"}) + b"\n")
    evals = folder / AGAIN / "evals"
    evals.mkdir(parents=True, exist_ok=True)
    (evals / "generations.yaml").write_text(REGISTERED.replace("FILE", str(samples)))
    spec = replace(load_registry([folder / AGAIN], data=[folder]).eval(EVAL), repeats=K)
    study = Study("run", "m", (Experiment("run", (EVAL,)),))
    plan = Plan(study, (spec,), files={str(spec.samples): file_hash(spec.samples)})
    manifests.write(Manifest(plan, "harness run", "0"), RunFolder(run).manifest)
    unmarked = {"accuracy": Score(0.0)}
    with Journal.open(RunFolder(run).journal, plan.hash) as journal:
        for prompt, repeat, text in generations(count):
            sample = f"{EVAL.rpartition('.')[0]}.{prompt}"
            answer = (EVAL, "m", sample, repeat, f"{prompt}-{repeat}")
            journal.append(Outcome(*answer, Completion(text, finish_reason="stop"), unmarked))
