"""docs/validation.md, made from what the runs show; nothing in it is written by hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from benchmarks.advice.collection import FAMILIES, FAULTY, SEEDS, TASKS
from benchmarks.advice.courses import POOLED, Course
from benchmarks.advice.drawing import regret_by_start, utility_by_epoch
from benchmarks.advice.faults import FAULTS
from benchmarks.advice.figures import Figures, by_rule, regret_against, share, starts
from benchmarks.advice.misses import Miss, by_kind, misses, sign
from benchmarks.advice.planted import Recall, false_blocks, recall_of
from benchmarks.advice.policies import BASELINES, NAMED, STRONGER, Advisor, Policy
from benchmarks.advice.search import Found, search
from benchmarks.advice.tasks import AHEAD
from harness.analysis.rules import TABLE
from harness.records import Estimate

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "validation.md"
IMAGES = ROOT / "docs" / "images"

MOST_HARMFUL, LEAST_RIGHT, LEAST_FOUND, MOST_BLOCKED = 0.05, 0.90, 0.90, 0.05
DIAGNOSES = {rule.number: rule.diagnosis for rule in TABLE}
DIRECTIONS = {-1: "fewer", 0: "as many", 1: "more"}
DRAWN = ("always 0", "always 3", "best held-out checkpoint", "minimum valid loss, training on")


@dataclass(frozen=True)
class Study:
    """The courses of a study, by what they are good for."""

    courses: Sequence[Course]

    def clean(self, half: str, family: str | None = None, study: str = POOLED) -> list[Course]:
        """Tasks without a fault; ``study`` "alone" means those of one seed."""
        return [c for c in self._of(half, study) if not c.fault and family in (None, c.family)]

    def faulty(self, half: str) -> list[Course]:
        """Tasks with one."""
        return [c for c in self._of(half, POOLED) if c.fault]

    def _of(self, half: str, study: str) -> Iterator[Course]:
        for course in self.courses:
            if course.half == half and (course.study == POOLED) == (study == POOLED):
                yield course


@dataclass(frozen=True)
class Goal:
    """A promise, and what was measured."""

    promise: str
    measured: str
    is_met: bool


def write(courses: Sequence[Course], runs: int, page: Path = PAGE, images: Path = IMAGES) -> bool:
    """Write the page and its plots; whether every goal is met."""
    study = Study(courses)
    clean = study.clean("report")
    advisor = Advisor()
    goals = list(goals_of(advisor, study))
    found = search(study.clean("tuning"), study.faulty("tuning"))
    drawn = [advisor, *(policy for policy in BASELINES if policy.name in DRAWN)]
    regret_by_start(drawn, clean, images / "validation-regret.svg")
    utility_by_epoch(clean, images / "validation-utility.svg")
    blocks = [
        opening(study, runs),
        goal_table(goals),
        regrets(advisor, study),
        by_family(advisor, study),
        extremes(advisor, study),
        planted(advisor, study),
        rows(advisor, clean),
        thresholds(found, study),
        single_seeds(advisor, study),
        definitions(),
    ]
    page.write_text("\n".join(line for block in blocks for line in [*block, ""]), encoding="utf-8")
    return all(goal.is_met for goal in goals)


# --- what is promised ----------------------------------------------------------------


def goals_of(advisor: Advisor, study: Study) -> Iterator[Goal]:
    """Every goal of the study, on the half that no one tuned on."""
    clean = study.clean("report")
    for final, name in ((False, "one-step regret"), (True, "regret after 3 rounds")):
        yield regret_goal(advisor, clean, f"{name}: below every baseline", NAMED, final=final)
        longer = f"{name}: below those that train on, too"
        yield regret_goal(advisor, clean, longer, STRONGER, final=final)
    for place, name in ((1, "after 1 epoch"), (-1, "after most epochs")):
        right = Figures.of(advisor, clean, (place,)).accuracy_speaking
        met = right is not None and right >= LEAST_RIGHT
        yield Goal(f"direction right when speaking, {name}: >= .9", percent(right), met)
    whole = Figures.of(advisor, clean)
    harm = f"{percent(whole.harmful)} of {whole.moves:,} moves"
    yield Goal("harmful moves: <= 5 %", harm, (whole.harmful or 0.0) <= MOST_HARMFUL)
    recalls = recall_of(advisor, study.faulty("report"))
    found, tasks = sum(r.found for r in recalls), sum(r.tasks for r in recalls)
    met = tasks > 0 and found / tasks >= LEAST_FOUND
    yield Goal("planted faults named: >= .9", f"{found} of {tasks}", met)
    blocked = false_blocks(advisor, clean)
    met = len(blocked) <= MOST_BLOCKED * len(clean)
    yield Goal("clean tasks blocked: <= 5 %", f"{len(blocked)} of {len(clean)}", met)


def regret_goal(
    advisor: Advisor,
    clean: Sequence[Course],
    promise: str,
    others: Sequence[Policy],
    *,
    final: bool,
) -> Goal:
    """Below every baseline, by the means; the intervals are in the table."""
    ours = regret_of(Figures.of(advisor, clean), final=final)
    theirs = {p.name: regret_of(Figures.of(p, clean), final=final) for p in others}
    lower = [name for name, value in theirs.items() if value <= ours]
    beaten = f"; not below: {', '.join(lower)}" if lower else ""
    return Goal(promise, f"{points(ours)}{beaten}", not lower)


def regret_of(figures: Figures, *, final: bool) -> float:
    """One of the two regrets."""
    return figures.final_regret if final else figures.regret


# --- blocks of the page --------------------------------------------------------------


def opening(study: Study, runs: int) -> list[str]:
    """What this is, and how much of it is there."""
    clean, faulty = (len(study.clean("tuning")), len(study.clean("report"))), study.faulty
    wanted = (len(FAMILIES) * TASKS + len(FAULTS) * FAULTY) * len(SEEDS)
    whole = "" if runs >= wanted else " **The study is not complete yet: `make validate` goes on.**"
    return [
        "# Is the advice any good?",
        "",
        "Made by `python -m benchmarks.advice report`; do not edit. `make validate` makes the runs"
        f" that are missing ({runs:,} of {wanted:,} are there).{whole}",
        "",
        "Small tuning tasks were drawn by seeded generators and trained for real on the embedded"
        " model, every checkpoint of every run was asked, and the advice of a study was taken from"
        " every epoch count on. The advisor saw training prompts and its own held-out samples,"
        " through the code that a study runs; a large disjoint test set says what would have been"
        f" best. {clean[0]} clean tasks were there to tune thresholds on, {clean[1]} others are"
        f" reported here, and {len(faulty('tuning')) + len(faulty('report'))} tasks have a planted"
        f" fault. Each was trained with {len(SEEDS)} seeds, which are pooled as in a study.",
        "",
        "![Utility by epochs](images/validation-utility.svg)",
    ]


def goal_table(goals: Iterable[Goal]) -> list[str]:
    """Promises first."""
    lines = [f"| {g.promise} | {g.measured} | {'yes' if g.is_met else '**no**'} |" for g in goals]
    return ["## Promised and measured", "", *table("goal", "measured", "met"), *lines]


def regrets(advisor: Advisor, study: Study) -> list[str]:
    """Everybody, on all families."""
    lines = ["## Against simpler policies", "", REGRETS, ""]
    lines += policies_table(advisor, study.clean("report"))
    return [*lines, "", "![Regret by start](images/validation-regret.svg)"]


def by_family(advisor: Advisor, study: Study) -> list[str]:
    """The same, a family at a time."""
    lines = ["## By family"]
    for family in FAMILIES:
        clean = study.clean("report", family)
        lines += ["", f"### {family.capitalize()} ({len(clean)} tasks)", ""]
        lines += policies_table(advisor, clean) if clean else ["No task has all of its runs yet."]
    return lines


def policies_table(advisor: Advisor, clean: Sequence[Course]) -> list[str]:
    """A row a policy."""
    lines = table(
        "policy",
        "regret, 1 step",
        "ours - theirs",
        "regret, 3 rounds",
        "ours - theirs",
        "direction right",
        "silent",
        "harmful",
        "epochs trained, 1 / 3",
    )
    return lines + [policy_line(advisor, policy, clean) for policy in (advisor, *BASELINES)]


def policy_line(advisor: Advisor, policy: Policy, clean: Sequence[Course]) -> str:
    """Its figures, and the paired differences."""
    found = Figures.of(policy, clean)
    one, three = "", ""
    if policy is not advisor:
        one = difference(regret_against(advisor, policy, clean)[0])
        three = difference(regret_against(advisor, policy, clean, final=True)[0])
    name = f"**{policy.name}**" if policy is advisor else policy.name
    return row(
        name,
        points(found.regret),
        one,
        points(found.final_regret),
        three,
        percent(found.accuracy_speaking),
        percent(found.abstains),
        f"{percent(found.harmful)} of {found.moves:,}",
        f"{found.spent:.1f} / {found.final_spent:.1f}",
    )


def extremes(advisor: Advisor, study: Study) -> list[str]:
    """From where the direction matters most."""
    lines = ["## From the extremes", ""]
    lines += table("from", "family", "tasks", "direction right when speaking", "silent")
    for place, name in ((1, "1 epoch"), (-1, "most epochs")):
        for family in (None, *FAMILIES):
            clean = study.clean("report", family)
            if clean:
                found = Figures.of(advisor, clean, (place,))
                right = percent(found.accuracy_speaking)
                lines.append(row(name, family or "all", len(clean), right, percent(found.abstains)))
    return [*lines, "", *yardsticks(advisor, study), "", *wrong_at_last(advisor, study)]


def yardsticks(advisor: Advisor, study: Study) -> list[str]:
    """What is right after the most epochs, by the ways to judge what nothing within reach can."""
    found = [(starts(advisor, course)[-1], course.truth) for course in study.clean("report")]
    spoken = [(start, sign(start.first.recommend), t) for start, t in found if start.first.speaks]
    judged = {
        GOAL: [start.is_right for start, _, _ in spoken],
        PAIRED: [
            said == (1 if said > 0 and t.more_helps else t.direction(t.last))
            for _, said, t in spoken
        ],
        THROUGHOUT: [said == t.direction_ahead(t.last) for _, said, t in spoken],
        WITHIN_REACH: [
            said == t.direction(t.last) for _, said, t in spoken if not (said > 0 and t.is_rising)
        ],
    }
    lines = [YARDSTICKS, "", *table("judged", "right")]
    return lines + [
        row(name, f"{percent(share(right))} of {len(right)}") for name, right in judged.items()
    ]


def wrong_at_last(advisor: Advisor, study: Study) -> list[str]:
    """The wrong ones after the most epochs, and what they cost."""
    ahead = f"{', '.join(map(str, AHEAD[:-1]))} and {AHEAD[-1]}"
    lines = ["### Wrong after the most epochs", "", MISSES.format(ahead=ahead), ""]
    lines += table(
        "half",
        "said",
        "needed",
        "tasks",
        "within 1 SE",
        "within 2 SE",
        "checkpoint named is good",
        "regret",
    )
    for half in ("tuning", "report"):
        for (said, needed), found in by_kind(misses(advisor, study.clean(half), -1)).items():
            near = [sum(miss.is_within(errors) for miss in found) for errors in (1, 2)]
            good, regret = sum(m.lands_well for m in found), points(mean(m.regret for m in found))
            said_needed = DIRECTIONS[said], DIRECTIONS[needed]
            lines.append(row(half, *said_needed, len(found), *near, good, regret))
    return [*lines, "", *summed_up(list(misses(advisor, study.clean("report"), -1)))]


def summed_up(wrong: Sequence[Miss]) -> list[str]:
    """The wrong ones of the reported half in a sentence."""
    if not wrong:
        return ["Of the reported half none is wrong."]
    near = [sum(miss.is_within(errors) for miss in wrong) for errors in (1, 2)]
    good, regret = sum(m.lands_well for m in wrong), points(mean(m.regret for m in wrong))
    return [
        f"Of the {len(wrong)} wrong ones of the reported half the best epoch count is better by at"
        f" most one standard error in {near[0]}, at most two in {near[1]}. {good} of them end at a"
        f" good epoch count; their mean regret is {regret} points."
    ]


def planted(advisor: Advisor, study: Study) -> list[str]:
    """Faults that no epoch count mends."""
    lines = ["## Planted faults", "", PLANTED, ""]
    lines += table("fault", "tasks", "named", "named after most epochs", "rows that named it")
    recalls = [r for half in ("tuning", "report") for r in recall_of(advisor, study.faulty(half))]
    for fault in FAULTS:
        found = [r for r in recalls if r.fault == fault]
        if found:
            lines.append(fault_line(fault, found))
    missed = [name for recall in recalls for name in recall.missed]
    if missed:
        lines += ["", f"Not named: {'; '.join(missed)}."]
    blocked = false_blocks(advisor, [*study.clean("tuning"), *study.clean("report")])
    number = len(study.clean("tuning")) + len(study.clean("report"))
    named = f": {'; '.join(blocked)}" if blocked else ""
    lines += ["", f"Of {number} clean tasks, {len(blocked)} are blocked (rows 1, 2, 4){named}."]
    return lines


def fault_line(fault: str, recalls: Sequence[Recall]) -> str:
    """Both halves of one fault."""
    rules = sorted({rule for recall in recalls for rule in recall.rules})
    counts = [sum(getattr(r, name) for r in recalls) for name in ("tasks", "found")]
    at_last = sum(r.found_at_last for r in recalls)
    return row(fault, *counts, at_last, ", ".join(map(str, rules)) or "-")


def rows(advisor: Advisor, clean: Sequence[Course]) -> list[str]:
    """Which row of the table spoke, and how well."""
    lines = ["## Row by row", "", "Clean tasks of the reported half, from every epoch count.", ""]
    lines += table("row", "diagnosis", "advices", "direction right", "harmful", "regret")
    for rule, found in by_rule(advisor, clean).items():
        right = percent(share(s.is_right for s in found if not s.is_open))
        harm = percent(share(s.harmful for s in found if s.moves))
        regret = points(mean(s.regret for s in found))
        lines.append(row(rule, DIAGNOSES[rule], len(found), right, harm, regret))
    return lines


def thresholds(found: Found, study: Study) -> list[str]:
    """What the search on the tuning half came to, and what that does to the other half."""
    lines = ["## Thresholds", "", THRESHOLDS.format(tried=found.tried), ""]
    if not found.changed:
        return [*lines, "Nothing in the grid is better than what stands in the code."]
    lines += table("threshold", "in the code", "found")
    lines += [row(name, *(f"{v:g}" for v in pair)) for name, pair in found.changed.items()]
    lines += ["", *table("half", "thresholds", "regret, 1 step", "regret, 3 rounds", "harmful")]
    for half in ("tuning", "report"):
        for name, advisor in (("in the code", Advisor()), ("found", Advisor(found.limits))):
            figures = Figures.of(advisor, study.clean(half))
            regrets = points(figures.regret), points(figures.final_regret)
            lines.append(row(half, name, *regrets, percent(figures.harmful)))
    return lines


def single_seeds(advisor: Advisor, study: Study) -> list[str]:
    """Studies of one seed, judged by the test scores of that seed."""
    alone = study.clean("report", study="alone")
    lines = ["## Studies of a single seed", "", SINGLE, ""]
    return lines + policies_table(advisor, alone)


def definitions() -> list[str]:
    """What the words mean."""
    return ["## What the words mean", "", *DEFINITIONS.strip().splitlines()]


# --- cells ---------------------------------------------------------------------------


def table(*heads: str) -> list[str]:
    """The first two lines of a table."""
    return [row(*heads), "|" + "---|" * len(heads)]


def row(*cells: object) -> str:
    """One line of it."""
    return f"| {' | '.join(map(str, cells))} |"


def points(fraction: float) -> str:
    """Score points."""
    return f"{100 * fraction:.1f}"


def percent(value: float | None) -> str:
    """A share."""
    return "-" if value is None else f"{100 * value:.0f} %"


def difference(estimate: Estimate) -> str:
    """With its interval, in points."""
    low, high = 100 * estimate.low, 100 * estimate.high
    return f"{100 * estimate.value:+.1f} ({low:+.1f} to {high:+.1f})"


REGRETS = """
Regret is in score points, the mean over tasks of the mean over all starting epoch counts; lower
is better. Differences are paired by task, with 95 % intervals; below 0 the advice is better. What
*trains on* adds two epochs for as long as the newest checkpoint is its best one. Goals are judged
by the means; where an interval holds 0, the difference may be chance. Changes of the table were
chosen by the tuning half and by tasks that are retired; nothing of the reported half was read
before the last of these changes.

On one kind of processor every rerun gives these digits again. On another, BLAS picks other kernels,
sums round otherwise, and what is trained drifts apart: with OpenBLAS's `Haswell` kernels regret was
8.1 and 3.2, with its `SkylakeX` kernels 8.0 and 3.1. Every goal is met with both; the interval of
the narrowest lead, after 3 rounds over *minimum valid loss, training on*, reaches 0 with the first.
`OPENBLAS_CORETYPE=SkylakeX make validate` chooses the kernels, where the processor has them.
""".strip()

MISSES = """
By how much the best epoch count is better than the last one, in standard errors of the paired
difference on the test set, whether the checkpoint that the advice names has a good epoch count, and
the regret of using it. The tuning half was looked at task by task. Where *fewer* is needed and *as
many* is said there, the last epochs cost a point or two, which 100 held-out samples do not show:
neither the trend of the held-out score nor a risen validation loss tells these tasks from those
where as many is right. The advice names an earlier checkpoint all the same.

No epoch count that was trained can say whether *more* is right after the last one. So runs go on,
and the test set is asked {ahead} epochs later.

Three sets of tasks were reported before and are retired, for what they showed changed the table. On
the first, without looking ahead, 82 % of what was said after the most epochs was right: of nine
wrong ones six were *more* for extraction tasks with next to nothing right in 12 epochs; trained on
to 30 epochs, five of these six got better. On the second, 82 % was right again, regret was 8.1 and
3.4, and 24 of 27 faults were named: row 17 asked for more though every token was learnt, rows 18,
19 and 22 were content where the score may have fallen, and the lint of label noise missed two of
three files. On the third 89 % was right, regret was 7.4 and 4.1: rows 12, 13 and 25 kept the
epochs of open tasks whose validation loss had risen, row 11 those of underfit ones, and row 5 asked
for one or two epochs more where 8 and more had not brought one right answer to a training prompt.
Rows and lint were mended by these tasks each time (row 35 is new), and the next set was read then.
""".strip()

YARDSTICKS = """
No epoch count within reach can judge *more* from the last one; later ones do. The first line is the
goal's, the same as on the third set. Where seeds differ, the best utility has a standard error of
ten points and more, and all within it counts as good; the second line takes the paired difference
instead, as harmful moves do.
""".strip()

GOAL = "*more* by whether a later one is good and this one is not; else within reach"
PAIRED = "*more* by whether a later one wins more than a standard error, paired; else within reach"
THROUGHOUT = "all by later ones, too: *as many* is wrong wherever they win a little"
WITHIN_REACH = "within reach alone, *more* left out where the last is the best"

PLANTED = """
A fault is named when the last advice of three rounds, begun at the hosted default, ends in one of
the rows that may say so and, where a lint blocks, in the right lint. Rows 2 and 33 and the
comparison of label noise with held-out labels were mended after leaked and context-less tasks had
been missed; these are in the tuning half or retired. The goal counts the reported half alone, the
table both.
""".strip()

THRESHOLDS = """
Searched on the tuning half alone, one threshold after the other over the grid of
`benchmarks/advice/search.py` ({tried} settings); cost is both regrets plus what other goals miss.
""".strip()

SINGLE = """
The same tasks as if only one seed had been trained, which is what most people do. The truth is then
that seed's own, and its ups and downs from epoch to epoch count in full.
""".strip()

DEFINITIONS = """
- **Utility**: the score on the test set (400 samples; the mean over seeds). Of open tasks (50
  prompts, ten answers each) it is the share of answers that keep the form, times the diversity that
  is left: the lowest ratio to the references among the primary metrics, over .9, at most 1.
- **Good epoch counts**: utility within one standard error (over samples and seeds) of the best.
- **Direction right**: +, - or 0 as the good epoch counts lie above, below or here. More epochs from
  the last one are right where a later one is good and the last is not.
- **Silent**: row 23 or 24; *direction right* does not count these.
- **Harmful**: of the changes of epochs, those that lose more utility than one standard error of the
  paired difference.
- **Following the advice**: for more epochs a longer run is trained (to the end of the grid at most:
  12, or 16 for open tasks); otherwise the checkpoint that the advice names is used. After three
  rounds the same, with no reversal. A policy that picks a checkpoint sees those up to its start.
- **Epochs trained** counts those of new runs; the run that one starts from is paid for.
"""
