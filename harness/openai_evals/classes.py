"""Which class of OpenAI evals each of our graders stands for, and back."""

from __future__ import annotations

from collections.abc import Mapping

from harness.records import EvalSpec, Task
from harness.registry.eval_specs import NATIVE, native_class

MULTIPLE_CHOICE = "evals.elsuite.multiple_choice:MultipleChoice"


def class_of(spec: EvalSpec) -> str:
    """The class name that a log carries for an eval; the grader's where no class stands for it."""
    return spec.class_name or _classes().get(spec.grader, spec.grader)


def report_of(class_name: str, grader: str) -> str:
    """Whose final report a class writes: its grader's, save where classes share a grader."""
    return "multiple_choice" if class_name == MULTIPLE_CHOICE else grader


def grader_of(class_name: str) -> str | None:
    """The grader that stands for a class; None where the class does not run natively."""
    native = native_class(class_name)
    if native is not None:
        return native.grader
    return class_name if class_name in _classes() else None


def task_of(class_name: str) -> Task:
    """Whether a class asks for one right answer or for open text."""
    native = native_class(class_name)
    return native.task if native else "one-answer"


def _classes() -> Mapping[str, str]:
    """The first class of each grader."""
    return {native.grader: name for name, native in reversed(list(NATIVE.items()))}
