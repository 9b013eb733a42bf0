"""What a file of a training run holds: its text, and what kind of thing that is."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from pathlib import Path

from harness.errors import DatasetError, HarnessError
from harness.finetuning.curves import read_objects
from harness.finetuning.exports import JOB_FILE, unlisted
from harness.finetuning.trainer_states import STATE_FILE


def text_of(path: Path) -> str:
    """Return a file's text."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise DatasetError(
            f"{path}: is no text; give a result file (CSV), {STATE_FILE}, {JOB_FILE}, or a "
            "W&B export (CSV or JSON)"
        ) from None


def plain_text(text: str) -> str:
    """Return the text behind base64, and any other text as it is."""
    text = text.lstrip("\ufeff \r\n")
    try:
        decoded = base64.b64decode("".join(text.split()), validate=True).decode("utf-8-sig")
    except (binascii.Error, ValueError):
        return text
    return decoded if "," in decoded else text


def looks_like_a_log(text: str) -> bool:
    """Whether a text starts like a log of OpenAI evals."""
    try:
        first = json.loads(text.partition("\n")[0])
    except ValueError:
        return False
    return isinstance(first, dict) and ("spec" in first or "final_report" in first)


def is_list_of(content: object, is_one: Callable[[object], bool]) -> bool:
    """Whether a value is a list of objects of a kind, plain or as an API wraps it."""
    items = unlisted(content)
    return bool(items) and all(is_one(item) for item in items)


def is_checkpoint(item: object) -> bool:
    """Whether a value is what a server says of a job's checkpoint."""
    return isinstance(item, dict) and item.get("object") == "fine_tuning.job.checkpoint"


def is_event(item: object) -> bool:
    """Whether a value is one of a job's events."""
    return isinstance(item, dict) and item.get("object") == "fine_tuning.job.event"


def is_of_events(text: str, source: str) -> bool:
    """Whether a text is a list of a job's events."""
    try:
        objects = read_objects(text, source)
    except HarnessError:
        return False
    return any(one.get("type") == "metrics" and one.get("data") for one in objects)
