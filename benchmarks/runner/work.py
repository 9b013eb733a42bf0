"""The work that every client is given: a file of samples, the same one as every format wants it."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import orjson

from benchmarks.runner.stand_in import answer_text

EVAL = "bench.dev.v0"
MODEL = "gpt-3.5-turbo"
"""A name that every harness sends to the chat endpoint; nobody by that name is asked."""

SYSTEM = "Read the question and reply with the single correct answer code and nothing else."
WORDS = ("the", "of", "river", "answer", "question", "model", "light", "paper", "seven", "window")
REGISTERED = f"""
{EVAL.partition(".")[0]}:
  id: {EVAL}
  metrics: [accuracy]
{EVAL}:
  class: evals.elsuite.basic.match:Match
  args: {{samples_jsonl: FILE}}
"""


@dataclass(frozen=True)
class Work:
    """``count`` samples in ``folder``, to be asked at ``url`` with so many requests at once."""

    folder: Path
    count: int
    concurrency: int
    url: str

    @property
    def samples(self) -> Path:
        """The samples, a chat prompt and an ideal each."""
        return self.folder / f"{self.count}.jsonl"

    @property
    def registry(self) -> Path:
        """A registry whose only eval has these samples."""
        return self.folder / f"registry-{self.count}"

    @property
    def out(self) -> Path:
        """Where a client may write."""
        return self.folder / "out"

    def prepare(self) -> None:
        """Write the samples and the registry, unless they are there."""
        if self.samples.exists():
            return
        write_samples(self.samples, self.count)
        (self.registry / "evals").mkdir(parents=True)
        text = REGISTERED.replace("FILE", str(self.samples))
        (self.registry / "evals" / "bench.yaml").write_text(text)


def write_samples(path: Path, count: int) -> None:
    """Prompts of some 120 tokens whose right answers the stand-in gives."""
    words = random.Random(7)
    with path.open("wb") as file:
        for number in range(count):
            text = f"Question {number}: {' '.join(words.choices(WORDS, k=72))}?"
            messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}]
            file.write(orjson.dumps({"input": messages, "ideal": answer_text(text)}) + b"\n")
