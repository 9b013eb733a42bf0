"""harness breakeven: after how many calls tuning pays."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options
from harness.errors import RunFolderError, UsageError

if TYPE_CHECKING:
    from harness.analysis.cost import PriceTable
    from harness.records import Advice, BreakEven, InsteadOf


def breakeven(
    run: Annotated[
        Path | None,
        typer.Argument(metavar="[RUN]", help="A run folder of a study: its own tokens are taken."),
    ] = None,
    instead_of: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="The dearer model, or the base with its long prompt."),
    ] = None,
    base: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Without RUN: the model to be tuned.")
    ] = None,
    training_tokens: Annotated[
        float | None,
        typer.Option(min=1, help="Without RUN: tokens of the training file, one epoch."),
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Without RUN: epochs to train.")] = 3,
    prompt_tokens: Annotated[
        float | None, typer.Option(min=0, help="Without RUN: of a call of the tuned model.")
    ] = None,
    completion_tokens: Annotated[
        float | None, typer.Option(min=0, help="Without RUN: of an answer of either model.")
    ] = None,
    other_prompt_tokens: Annotated[
        float | None,
        typer.Option(min=0, help="Without RUN: of a call of the other model; unset: the same."),
    ] = None,
    calls_per_day: Annotated[
        float | None, typer.Option(min=0, help="Say after how many days it pays.")
    ] = None,
    days: Annotated[
        float, typer.Option(min=0.01, help="The time in which training shall be paid back.")
    ] = 30.0,
    hosting_per_day: Annotated[
        float, typer.Option(metavar="USD", min=0, help="What keeping the tuned model costs a day.")
    ] = 0.0,
    prices: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What models cost; it counts before ~/.evals."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as in report.json.")] = False,
) -> None:
    """Say after how many calls tuning pays against a dearer model or a longer prompt, or why never.

    calls = (training + hosting meanwhile) / (cost of a call of the other - of the tuned model), at
    dated prices. A run folder brings its tokens, measured; without one they are given.

    [bold]Examples[/bold]

      harness breakeven reports/mine --instead-of gpt-4.1 --calls-per-day 500

      harness breakeven --base gpt-4o-mini --instead-of gpt-4o --training-tokens 100000
        --prompt-tokens 120 --other-prompt-tokens 900 --completion-tokens 40
    """
    from harness.records import InsteadOf, PromptVariant
    from harness.registry.alternatives import ITS_PROMPT

    _refuse_infinite(
        {
            "--training-tokens": training_tokens,
            "--prompt-tokens": prompt_tokens,
            "--completion-tokens": completion_tokens,
            "--other-prompt-tokens": other_prompt_tokens,
            "--calls-per-day": calls_per_day,
            "--days": days,
            "--hosting-per-day": hosting_per_day,
        }
    )
    tables = options.prices(prices)
    asked = InsteadOf(
        instead_of or "",
        PromptVariant(ITS_PROMPT),
        calls_per_day=calls_per_day,
        days=days,
        hosting_usd_per_day=hosting_per_day,
    )
    if run is not None:
        if any(given is not None for given in (base, training_tokens, prompt_tokens)):
            raise UsageError(f"{run} brings its own tokens: leave out --base and the numbers")
        found = _of_run(run, asked, tables)
    else:
        tuned = (prompt_tokens, completion_tokens)
        numbers = (training_tokens, epochs, tuned, other_prompt_tokens)
        found = [(_of_numbers(base, asked, *numbers, tables), None)]
    _show(found, as_json=as_json)


def _refuse_infinite(numbers: Mapping[str, float | None]) -> None:
    for option, value in numbers.items():
        if value is not None and not math.isfinite(value):
            raise UsageError(f"{option} {value}: give a number")


Weighed = tuple["BreakEven", "Advice | None"]
"""A break-even, and the advice on the tuned model that it is about."""


def _of_run(run: Path, asked: InsteadOf, tables: Sequence[PriceTable]) -> list[Weighed]:
    from harness.pipeline.finished.breakevens import break_evens_of

    found = break_evens_of(run, asked, tables)
    if not found:
        raise RunFolderError(
            f"{run}: nothing to weigh its tuned model against; name one with --instead-of MODEL"
        )
    return found


def _of_numbers(
    base: str | None,
    asked: InsteadOf,
    training_tokens: float | None,
    epochs: int,
    tuned: tuple[float | None, float | None],
    other_prompt_tokens: float | None,
    tables: Sequence[PriceTable],
) -> BreakEven:
    from harness.analysis.breakeven import break_even, call_cost
    from harness.analysis.cost import TUNED, Training, price_of
    from harness.pipeline.finished.breakevens import terms_of

    prompt, answer = tuned
    needed = {
        "--base": base,
        "--instead-of": asked.model or None,
        "--training-tokens": training_tokens,
        "--prompt-tokens": prompt,
        "--completion-tokens": answer,
    }
    missing = [name for name, value in needed.items() if value is None]
    if base is None or training_tokens is None or prompt is None or answer is None or missing:
        raise UsageError(f"without a run folder give {', '.join(missing)}, too")
    name = TUNED + base.removeprefix(TUNED)
    price = price_of(name, tables)
    training = Training(training_tokens, price, name)
    longer = prompt if other_prompt_tokens is None else other_prompt_tokens
    return break_even(
        "",
        call_cost(name, "its own prompt", [(prompt, answer)], price, "given"),
        call_cost(
            asked.model,
            "its own prompt",
            [(longer, answer)],
            price_of(asked.model, tables),
            "given",
        ),
        terms_of(training, epochs, asked),
    )


# --- words ---------------------------------------------------------------------------


def _show(found: Sequence[Weighed], *, as_json: bool) -> None:
    if as_json:
        import json

        from harness.reports.json import plain

        print(
            json.dumps(
                plain([one for one, _ in found]), indent=2, ensure_ascii=False, allow_nan=False
            )
        )
        return
    for one, advice in found:
        for line in (*lines_of(one), *_first(advice)):
            print(line)


def _first(advice: Advice | None) -> Iterator[str]:
    """What is to be done before the tuned model is used at all."""
    from harness.cli.terminal import plain
    from harness.reports import verdicts, wording

    if advice is not None and verdicts.kind(advice) == "fix":
        yield f"  But first: {plain(wording.headline(advice))} (harness show rule {advice.rule})."


def lines_of(found: BreakEven) -> Iterator[str]:
    """One break-even in words: the answer, the inputs, the formula."""
    from harness.cli.terminal import plain
    from harness.reports import economics

    if found.eval:
        yield plain(found.eval)
    yield f"  {plain(economics.break_even_text(found))}"
    for row in economics.call_rows(found):
        told = zip(economics.CALL_HEADERS[1:], row[1:], strict=True)
        facts = "; ".join(f"{title.lower()} {value}" for title, value in told)
        yield f"    {plain(row[0])}: {plain(facts)}"
    yield f"  {plain(economics.formula(found))}"
