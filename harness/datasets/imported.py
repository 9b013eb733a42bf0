"""What an import makes of somebody else's folder: the files of a registry, as text by path."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.errors import UsageError, did_you_mean

NO_TUNING = re.compile(r"gpt[-_]?3\.?5|llama|(^|[-_])base($|[-_])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Imported:
    """Files to write below a registry folder, the study to run next, and what was left out."""

    files: Mapping[str, str]
    study: str | None = None
    notes: tuple[str, ...] = field(default=())


def as_lines(objects: Iterable[Mapping[str, Any]]) -> str:
    """JSON lines."""
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in objects)


def as_yaml(value: Mapping[str, Any]) -> str:
    """A YAML document."""
    import yaml

    return yaml.safe_dump(dict(value), sort_keys=False, allow_unicode=True, width=100)


def recorded_study(
    evals: Sequence[str], answers: str, base: str, models: Sequence[str], **fields: Any
) -> dict[str, Any]:
    """A study of answers that are stored: every model against the base, nobody is asked."""
    return {
        **fields,
        "provider": "recorded",
        "answers": answers,
        "base": base,
        "evals": list(evals),
        "others": [model for model in models if model != base],
        "train_probe": 0,
    }


def chosen_base(models: Sequence[str], wanted: str | None) -> str:
    """The model to compare the others with: as asked for, or the only one that is not tuned.

    Raises:
        UsageError: no such model, or none that is clearly the base.
    """
    known = ", ".join(models)
    if wanted is not None:
        if wanted not in models:
            near = did_you_mean(wanted, models)
            raise UsageError(f"--base {wanted}: no answers of it{near} (there are {known})")
        return wanted
    likely = [model for model in models if NO_TUNING.search(model)]
    if len(likely) != 1:
        raise UsageError(f"which model is the base? Name it with --base (there are {known})")
    return likely[0]
