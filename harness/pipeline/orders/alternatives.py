"""What tuning is weighed against and who is asked for it: other prompts, a dearer model, parts.

These models answer held-out samples and nothing else: they are no candidates.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.datasets import read_training
from harness.errors import UsageError
from harness.prompts import PROBE_SEED
from harness.records import EvalSpec, Experiment, Messages, PromptVariant, Sample, TrainingExample


@dataclass(frozen=True, slots=True)
class Aside:
    """A model that is asked held-out samples only; with ``prompt``, in another way than the data.

    ``system`` takes the place of the samples' own system messages, ``shots`` stand before what is
    asked.
    """

    model: str
    prompt: str | None = None
    system: str | None = None
    shots: Messages = ()

    def asked(self, sample: Sample) -> Sample:
        """A sample with this system message."""
        if self.system is None:
            return sample
        others = tuple(m for m in sample.messages if m.get("role") != "system")
        return replace(sample, messages=({"role": "system", "content": self.system}, *others))


def prompted(model: str, prompt: PromptVariant, examples: Sequence[TrainingExample]) -> Aside:
    """A model with a way to ask it."""
    return Aside(model, prompt.name, prompt.system, tuple(worked(examples, prompt.few_shot)))


def worked(examples: Sequence[TrainingExample], count: int) -> Iterator[Mapping[str, object]]:
    """The messages of so many random examples, without what the system said; always the same."""
    few = min(count, len(examples))
    for place in sorted(random.Random(PROBE_SEED).sample(range(len(examples)), few)):
        for message in examples[place].messages:
            if message.get("role") != "system":
                yield {key: value for key, value in message.items() if key != "weight"}


def prompt_asides(base: str, experiment: Experiment) -> list[Aside]:
    """The base model with each further prompt, and the dearer model where it is to be asked.

    Raises:
        DatasetError: training data, which worked examples come from, that cannot be read.
    """
    asked = [(base, prompt) for prompt in experiment.prompts]
    dearer = experiment.instead_of
    if dearer is not None and dearer.ask:
        asked.append((dearer.model, dearer.prompt))
    examples = _examples(experiment) if any(prompt.few_shot for _, prompt in asked) else []
    return [prompted(model, prompt, examples) for model, prompt in asked]


def _examples(experiment: Experiment) -> list[TrainingExample]:
    return read_training(experiment.training_data) if experiment.training_data else []


def check_alternatives(
    experiment: Experiment, specs: Sequence[EvalSpec], *, looks: int | None
) -> None:
    """Whether an experiment's alternatives can be asked.

    Raises:
        UsageError: with early stopping, or of an eval whose prompts are not those of a chat.
    """
    dearer = experiment.instead_of
    if not experiment.prompts and not (dearer and dearer.ask) and not experiment.doubling:
        return
    if looks is not None:
        raise UsageError(
            "--looks and --any-time stop before 'prompts', 'doubling' and 'instead_of' are asked; "
            "leave one out"
        )
    fields = [spec.name for spec in specs if spec.layout == "fields"]
    if fields and (experiment.prompts or (dearer and dearer.ask)):
        raise UsageError(
            f"{fields[0]} takes its prompts from fields of the data, which 'prompts' cannot "
            "replace; leave these out"
        )
