"""From a sample to the request that asks it. Pure: nothing is read, nothing is sent."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import replace

from harness.messages import as_messages, content_text, prompt_text
from harness.records import (
    Endpoint,
    EvalSpec,
    Message,
    Messages,
    Request,
    Sample,
    Sampling,
    TrainingExample,
)

PROBE_SEED = 123


def build(
    sample: Sample,
    spec: EvalSpec,
    model: str,
    repeat: int = 0,
    *,
    few_shot: Messages = (),
    endpoint: Endpoint = "chat",
) -> Request:
    """The request for one repeat of one sample.

    Worked examples (``few_shot``) stand before the last message. For the legacy endpoint
    the messages become one text, the way OpenAI evals renders them.
    """
    messages = (*sample.messages[:-1], *few_shot, *sample.messages[-1:])
    if endpoint == "completions":
        messages = ({"role": "user", "content": prompt_text(messages)},)
    return Request(
        model=model,
        messages=messages,
        sampling=_seeded(spec.sampling, sample.id, repeat),
        repeat=repeat,
        endpoint=endpoint,
        sample_id=sample.id,
        tools=sample.tools if endpoint == "chat" else (),
    )


def drafts(
    sample: Sample,
    spec: EvalSpec,
    model: str,
    repeat: int = 0,
    *,
    endpoint: Endpoint = "chat",
) -> tuple[Request, ...] | None:
    """The requests whose answers are judged together; None where ``build``'s is the only one.

    A completion that the sample brings itself is not asked for, so there may be none.
    """
    if spec.layout != "fields":
        return None
    prompts = [sample.metadata[i] for i, o in spec.inputs.items() if o not in sample.metadata]
    models = models_of(model)
    if len(models) == 1:
        models *= spec.drafts or 1
    if len(prompts) * len(models) == 1 and models == [model]:
        return None
    first = repeat * len(models)
    return tuple(
        build(replace(sample, messages=as_messages(prompt)), spec, one, number, endpoint=endpoint)
        for prompt in prompts
        for number, one in enumerate(models, first)
    )


def models_of(name: str) -> list[str]:
    """The models whose completions are compared with each other, by commas in a name."""
    return name.split(",")


def _seeded(sampling: Sampling, sample_id: str, repeat: int) -> Sampling:
    """Each prompt and repeat draws from a stream of its own, the same in every run."""
    if sampling.seed is None:
        return sampling
    text = f"{sampling.seed}:{sample_id}:{repeat}".encode()
    digest = hashlib.blake2b(text, digest_size=4).digest()
    return replace(sampling, seed=int.from_bytes(digest, "big") >> 1)


# --- training examples as prompts ----------------------------------------------------


def train_probe(examples: Sequence[TrainingExample], limit: int) -> list[Sample]:
    """Samples that ask a model what it was trained on, at most ``limit``, always the same ones.

    The prompt is what stands before the last assistant turn, the ideal that turn's text.
    Examples without a prompt or without text in the answer are passed over. Ids are
    ``train.<line>``.
    """
    usable = [example for example in examples if _can_be_asked(example)]
    if len(usable) > limit:
        picked = sorted(random.Random(PROBE_SEED).sample(range(len(usable)), limit))
        usable = [usable[i] for i in picked]
    return [
        Sample(
            id=f"train.{example.line}",
            messages=tuple(_as_prompt(message) for message in example.messages[:-1]),
            ideal=(content_text(example.messages[-1].get("content")),),
            metadata=example.metadata,
        )
        for example in usable
    ]


def _can_be_asked(example: TrainingExample) -> bool:
    return len(example.messages) > 1 and bool(content_text(example.messages[-1].get("content")))


def _as_prompt(message: Message) -> Message:
    """Without ``weight``, which says what is learnt from and which no chat server takes."""
    return {key: value for key, value in message.items() if key != "weight"}
