"""What more training data would bring, by the models of a track that were tuned on parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean

from harness.pipeline.measuring.measurement import clusters_of, pooled
from harness.pipeline.measuring.scores import score
from harness.pipeline.measuring.track import Track
from harness.pipeline.orders.parts import HALF, QUARTER, compared_epochs, divisor_of
from harness.records import DataGain, DataPoint, Estimate
from harness.reports.document import Panel, Point, Series

Marks = Mapping[str, float]
FEWEST_RUNS = 2


def data_gain(track: Track) -> DataGain | None:
    """The gain of doubling the data; None where no parts were tuned, or marks are no fractions."""
    epochs = compared_epochs(track.experiment)
    whole = _marks(track, [checkpoint.model for checkpoint in track.at(epochs)])
    halves = _part_marks(track, HALF, epochs)
    quarters = _part_marks(track, QUARTER, epochs)
    stepped = _part_marks(track, HALF, HALF * epochs)
    keys = _shared([*whole, *halves, *quarters, *stepped])
    if not whole or len(halves) < FEWEST_RUNS or not keys:
        return None
    rows = [[table[key] for key in keys] for table in (*whole, *halves, *quarters, *stepped)]
    if not all(0 <= value <= 1 for row in rows for value in row):
        return None
    from harness.analysis.doubling import data_difference, growth, next_doubling

    n, clusters = len(track.training_texts), clusters_of(keys, track.heldout)
    ours, theirs = _rows(whole, keys), _rows(halves, keys)
    last = data_difference(ours, theirs, clusters)
    points = _points(track, keys, n, epochs)
    ahead = next_doubling(last, mean(map(mean, theirs)), points[-1].score)
    return DataGain(
        eval=track.spec.name,
        examples=n,
        epochs=epochs,
        seeds=len(whole),
        points=points,
        last_doubling=last,
        log_linear=ahead.log_linear,
        power_law=ahead.power_law,
        next_doubling=ahead.union,
        at_equal_steps=data_difference(ours, _rows(stepped, keys), clusters)
        if len(stepped) >= FEWEST_RUNS
        else None,
        growth=growth(ours, theirs, _rows(quarters, keys), clusters)
        if len(quarters) >= FEWEST_RUNS
        else None,
    )


def panel(gain: DataGain) -> Panel:
    """The score against the number of examples, and what twice as many are expected to bring."""
    same = [point for point in gain.points if point.epochs == gain.epochs]
    whole = same[-1].score
    steps = sorted((p for p in gain.points if p.epochs != gain.epochs), key=lambda p: p.examples)
    ahead = gain.next_doubling
    value, low, high = (
        min(1.0, whole.value + part) for part in (ahead.value, ahead.low, ahead.high)
    )
    expected = Estimate(value, low, high, whole.n, ahead.method)
    series = [
        Series("after as many epochs", "heldout", _line(same)),
        Series(
            "expected with twice the data",
            "heldout",
            (Point(gain.examples, whole), Point(2 * gain.examples, expected)),
        ),
    ]
    if steps:
        line = _line([*steps, same[-1]])
        series.append(Series("after as many training steps", "train", line))
    reach = f"{100 * ahead.low:+.1f} to {100 * ahead.high:+.1f} points"
    told = f"twice the data is expected to bring {reach}"
    return Panel(TITLE, "share", tuple(series), told, axis="examples")


def _line(points: Sequence[DataPoint]) -> tuple[Point, ...]:
    return tuple(Point(point.examples, point.score) for point in points)


TITLE = "Score against training examples"


def _part_marks(track: Track, divisor: int, epochs: int) -> list[Marks]:
    """The marks of every part of this size, after so many epochs."""
    models = [
        part.checkpoint.model
        for part in track.parts
        if divisor_of(part.name) == divisor and round(part.checkpoint.epoch) == epochs
    ]
    return _marks(track, models)


def _marks(track: Track, models: Sequence[str]) -> list[Marks]:
    tables = (track.of(model) for model in models)
    return [marks for answers in tables if answers and (marks := answers.by_prompt)]


def _shared(tables: Sequence[Marks]) -> list[str]:
    """The samples that every model has a mark for."""
    return [key for key in tables[0] if all(key in other for other in tables)] if tables else []


def _rows(tables: Sequence[Marks], keys: Sequence[str]) -> list[list[float]]:
    return [[table[key] for key in keys] for table in tables]


def _points(track: Track, keys: Sequence[str], examples: int, epochs: int) -> tuple[DataPoint, ...]:
    """The mean scores by number of examples; those of as many steps as the whole behind them."""
    found = [
        _point(track, _part_marks(track, divisor, passes * epochs), keys, examples // divisor)
        for divisor, passes in ((QUARTER, QUARTER), (HALF, HALF), (QUARTER, 1), (HALF, 1))
    ]
    epochs_of = (QUARTER * epochs, HALF * epochs, epochs, epochs)
    whole = _point(track, _marks(track, [c.model for c in track.at(epochs)]), keys, examples)
    sized = [
        DataPoint(at, trained, runs, estimate)
        for (at, runs, estimate), trained in zip([*found, whole], [*epochs_of, epochs], strict=True)
        if estimate is not None
    ]
    return tuple(sized)


def _point(
    track: Track, tables: Sequence[Marks], keys: Sequence[str], examples: int
) -> tuple[int, int, Estimate | None]:
    marks = {key: value for key, value in pooled(tables).items() if key in set(keys)}
    return examples, len(tables), score(marks, track.heldout)
