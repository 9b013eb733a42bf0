"""harness plan: how many samples and repeats a comparison needs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.pipeline.finished.planning import Need, Plan


def plan(
    run: Annotated[
        str, typer.Option("--base", metavar="RUN", help="A run folder or log with answers.")
    ],
    detect: Annotated[
        str, typer.Option("--detect", metavar="3pp", help="The difference to find: 3pp, 3%, 0.03.")
    ],
    eval_name: Annotated[
        str | None, typer.Option("--eval", "-e", metavar="EVAL", help="Of several evals, this one.")
    ] = None,
    tuned: Annotated[
        str | None, typer.Option("--tuned", metavar="MODEL", help="Of several models, this one.")
    ] = None,
) -> None:
    """Say how many samples and repeats show a difference, with 80 % power, and what they cost.

    It plans by what the run has shown: on how many samples the models differ, how much the
    answers to one prompt vary, how many tokens a sample takes. A run of one model is enough;
    then two models are taken to be right independently, which errs to the safe side.

    [bold]Examples[/bold]

      harness plan --eval orders.heldout.v1 --base reports/demo --detect 3pp

      harness plan --base gpt-4o-mini.jsonl --detect 0.05
    """
    from harness.pipeline.finished.planning import plan_of
    from harness.registry.policies import share_of
    from harness.registry.prices import load_prices

    difference = share_of(detect)
    if difference is None or not 0 < difference < 1:
        raise UsageError(f"--detect {detect}: give a difference such as 3pp, 3% or 0.03")
    found = plan_of(run, difference, eval_name, tuned, load_prices(Path.home()))
    for line in lines_of(found):
        print(line)


def lines_of(found: Plan) -> Iterator[str]:
    """The plan in words."""
    from harness.cli.terminal import plain
    from harness.reports import wording

    size = f"{wording.plain(100 * found.detect)} points"
    models = f"{found.base} against {found.tuned}" if found.tuned else f"{found.base} alone"
    yield f"{plain(found.eval)}: to find a difference of {size} with 80% power"
    yield f"  seen so far: {plain(models)}, {wording.counted(found.seen, 'sample')}"
    if found.discordance is not None:
        share = wording.estimate_in("share", found.discordance)
        how = "" if found.tuned else ", taken as if the models were right independently"
        yield f"  samples on which exactly one is right: {share}{how}"
    for need in found.needs:
        yield from _need_lines(need, size, several=len(found.needs) > 1)
    yield f"  {_repeats_text(found)}"
    if found.tokens is not None:
        yield f"  a sample takes about {found.tokens:,.0f} tokens" + (
            ", both models together" if found.tuned else ", one model"
        )
    if found.shows is not None:
        shown = wording.number(100 * found.shows, 1)
        yield f"  the samples so far find differences of {shown} points or more"
    most = max(need.gain for need in found.needs)
    if found.offered is not None and found.offered < most:
        yield f"  the data hold {wording.counted(found.offered, 'sample')}, fewer than that"


def _need_lines(need: Need, size: str, *, several: bool) -> Iterator[str]:
    from harness.reports import wording

    opening = f"with {wording.counted(need.repeats, 'repeat')} of each: " if several else ""
    cautious = ""
    if need.cautious is not None and need.cautious > need.gain:
        cautious = f" ({need.cautious:,} to be on the safe side)"
    yield f"  {opening}{wording.counted(need.gain, 'sample')} to show a gain of {size}{cautious}"
    yield f"      {wording.counted(need.margin, 'sample')} to show no drop of more than {size}"
    yield f"      {need.answers:,} answers of both models, {wording.dollars(need.cost_usd)}"


def _repeats_text(found: Plan) -> str:
    if found.parts is None:
        return (
            "repeats: one is enough where answers do not vary; to plan for more, "
            "run the eval with --repeats 4 first"
        )
    if found.prompts_dominate:
        return "repeats: prompts differ far more than the answers to one: add prompts, not repeats"
    return "repeats: the answers to one prompt vary enough for repeats to save prompts"
