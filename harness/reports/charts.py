"""Draws a Panel as inline SVG that follows the page's colours.

A chart is described in Vega-Lite and drawn by vl-convert, without a browser or a network.
What comes back is rebuilt from a short list of elements and attributes, with CSS variables
for colours: one drawing serves light, dark and print. Names from a registry or a model
appear in hover texts only.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from harness.reports import wording
from harness.reports.document import Axis, Panel, Unit
from harness.reports.panels import Column, Line, columns, lines, reading

MOST_TICKS = 10

INKS = {
    name: f"#0000{code:02x}"
    for code, name in enumerate(
        ("heldout", "train", "base", "reference", "extra", "keep", "grid", "label", "hit", "fix"),
        start=1,
    )
}
"""Stand-ins that Vega can draw with; each becomes the page's variable of that name."""

TICK_FORMATS: dict[Unit, str] = {"share": ".3~%"}
"""d3 formats by unit; other units show up to three significant digits."""


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height of a drawing in pixels, axes included."""

    width: int
    height: int


WIDE = Size(660, 300)
SMALL = Size(340, 210)


def chart(panel: Panel, size: Size, chosen: float | None = None) -> str:
    """The panel as an SVG element; empty where there is nothing to draw.

    ``chosen`` is the epoch of the checkpoint to use, marked by an upright line.
    """
    drawn = lines(panel)
    spots = columns(drawn)
    if not spots:
        return ""
    import vl_convert

    specification = _specification(panel, drawn, spots, size)
    if any(spot.epoch == chosen for spot in spots):
        specification["layer"].insert(0, _chosen_layer(chosen))
    drawing = vl_convert.vegalite_to_svg(specification, allowed_base_urls=[])
    return inline(drawing, alternative(panel, drawn))


def alternative(panel: Panel, drawn: Sequence[Line]) -> str:
    """The chart for those who cannot see it: where each line starts and ends."""
    courses = [_course(panel, line) for line in drawn if line.series.role != "seed"]
    parts = [panel.title, panel.takeaway.rstrip("."), *courses]
    return wording.printable(". ".join(filter(None, parts)) + ".")


def _course(panel: Panel, line: Line) -> str:
    unit, start, end = panel.unit, line.points[0], line.points[-1]
    name, value = (
        wording.shortened(line.series.name, 60),
        wording.value_in(unit, start.estimate.value),
    )
    if len(line.points) == 1:
        return f"{name}: {value}" + (
            "" if line.level else f" {wording.place(panel.axis, start.epoch)}"
        )
    final = wording.value_in(unit, end.estimate.value)
    first, last = (wording.place(panel.axis, point.epoch) for point in (start, end))
    return f"{name}: {value} {first}, {final} {last}"


# --- the description -----------------------------------------------------------------


def _specification(
    panel: Panel, drawn: Sequence[Line], spots: Sequence[Column], size: Size
) -> dict[str, Any]:
    back_to_front = sorted(drawn, key=_depth)
    return {
        "width": size.width,
        "height": size.height,
        "autosize": {"type": "fit", "contains": "padding"},
        "padding": {"left": 2, "top": 8, "right": 4, "bottom": 2},
        "encoding": {"x": _places(panel.axis, spots), "y": _values(panel.unit, drawn)},
        "layer": [
            *(layer for line in back_to_front for layer in _layers(line)),
            _hover_layer(panel, drawn, spots),
        ],
        "config": {"view": {"stroke": None}, "background": None, "axis": _AXIS},
    }


_AXIS = {
    "domain": False,
    "ticks": False,
    "gridColor": INKS["grid"],
    "labelColor": INKS["label"],
    "titleColor": INKS["label"],
    "titleFontWeight": "normal",
    "labelFontSize": 11,
    "titleFontSize": 11,
    "labelPadding": 6,
}


def _depth(line: Line) -> tuple[bool, bool, bool]:
    """Seeds and levels lie below the lines that matter; the one with a band is on top."""
    return line.series.role != "seed", not line.level, line.style.band


def _places(axis: Axis, spots: Sequence[Column]) -> dict[str, Any]:
    """The horizontal axis: a tick at each epoch count where they fit."""
    counts = [spot.epoch for spot in spots if spot.epoch == round(spot.epoch)]
    few = len(counts) <= MOST_TICKS and len(counts) == len(spots)
    ticks = {"values": counts} if few else {"tickMinStep": 1}
    return {
        "field": "epoch",
        "type": "quantitative",
        "scale": {"domain": _width(axis, spots), "nice": False},
        "axis": {
            "title": axis,
            "format": ".3~g" if axis == "epochs" else ",d",
            "grid": False,
            "titlePadding": 4,
            **ticks,
        },
    }


def _width(axis: Axis, spots: Sequence[Column]) -> list[float]:
    """From the first to the last place; runs are counted, not measured, and each has room."""
    if axis == "runs":
        return [spots[0].epoch - 0.5, spots[-1].epoch + 0.5]
    return [spots[0].start, spots[-1].end]


def _values(unit: Unit, drawn: Sequence[Line]) -> dict[str, Any]:
    """The vertical axis: as much as the lines and bands need."""
    return {
        "field": "value",
        "type": "quantitative",
        "scale": {"domain": _reach(unit, drawn), "nice": 5, "zero": False, "clamp": True},
        "axis": {"title": None, "format": TICK_FORMATS.get(unit, ".3~g"), "tickCount": 5},
    }


def _reach(unit: Unit, drawn: Sequence[Line]) -> list[float]:
    """Room for every value and band; nothing that is never negative gets negative ticks."""
    values = [p.estimate.value for line in drawn for p in line.points]
    banded = [p.estimate for line in drawn if line.style.band for p in line.points]
    bounds = [bound for e in banded for bound in (e.low, e.high) if math.isfinite(bound)]
    reached = values + bounds
    low, high = min(reached), max(reached)
    air = 0.03 * (high - low) or 0.05 * abs(high) or 0.05
    floor = 0.0 if all(value >= 0 for value in values) else -math.inf
    ceiling = 1.0 if unit == "share" else math.inf
    return [max(floor, low - air), min(ceiling, high + air)]


def _layers(line: Line) -> Iterator[dict[str, Any]]:
    """A line's parts: its interval band, itself, its dots."""
    style, data = line.style, {"values": list(_rows(line))}
    ink = {"color": INKS[style.ink], "opacity": style.opacity}
    stroke = {**ink, "strokeWidth": style.width, "strokeDash": list(style.dash)}
    if line.level:
        yield _layer("rule", data, stroke, {"x": None})
        return
    if line.has_band:
        low, high = {"field": "low", "type": "quantitative"}, {"field": "high"}
        yield _layer("area", data, {**ink, "opacity": 0.16}, {"y": low, "y2": high})
    yield _layer("line", data, {**stroke, "strokeJoin": "round"})
    if style.dots or len(line.points) == 1:
        yield _layer("point", data, {**ink, "filled": True, "size": 44})


def _layer(
    kind: str, data: Mapping[str, Any], look: Mapping[str, Any], encoding: Mapping[str, Any] = {}
) -> dict[str, Any]:
    return {"mark": {"type": kind, "aria": False, **look}, "data": data, "encoding": encoding}


def _rows(line: Line) -> Iterator[dict[str, float]]:
    for point in line.points:
        estimate = point.estimate
        known = wording.known_interval(estimate)
        yield {
            "epoch": point.epoch,
            "value": estimate.value,
            "low": estimate.low if known else estimate.value,
            "high": estimate.high if known else estimate.value,
        }


def _chosen_layer(chosen: float | None) -> dict[str, Any]:
    look = {"color": INKS["keep"], "strokeWidth": 1.5}
    return _layer("rule", {"values": [{"epoch": chosen}]}, look, {"y": None})


def _hover_layer(panel: Panel, drawn: Sequence[Line], spots: Sequence[Column]) -> dict[str, Any]:
    """Invisible columns that carry the values as text."""
    rows = [
        {"epoch": spot.start, "end": spot.end, "text": hover_text(panel, drawn, spot)}
        for spot in spots
    ]
    encoding = {"x2": {"field": "end"}, "y": None, "description": {"field": "text"}}
    mark = {"type": "rect", "color": INKS["hit"]}
    return {"mark": mark, "data": {"values": rows}, "encoding": encoding}


def hover_text(panel: Panel, drawn: Sequence[Line], spot: Column) -> str:
    """What a column says: its epoch count, then each line's value."""
    readings = ((line.series.name, reading(panel.unit, line, spot)) for line in drawn)
    known = [f"{wording.shortened(name, 60)}: {text}" for name, text in readings if text]
    return wording.printable("\n".join([wording.place(panel.axis, spot.epoch), *known]))


# --- the drawing ---------------------------------------------------------------------

_KEPT_ELEMENTS = {"svg", "g", "path", "line", "text"}
_KEPT_ATTRIBUTES = {
    "d",
    "fill",
    "opacity",
    "stroke",
    "stroke-dasharray",
    "stroke-linejoin",
    "stroke-width",
    "text-anchor",
    "transform",
    "viewBox",
    "x2",
    "y2",
}
_VARIABLES = {ink: f"var(--{name})" for name, ink in INKS.items()}
_LONG_DECIMALS = re.compile(r"(\.\d\d)\d+")
_DEFAULTS = {("opacity", "1"), ("stroke-dasharray", ""), ("fill", "none")}


def inline(drawing: str, label: str) -> str:
    """Vega's SVG, rebuilt for the inside of a page: known parts, the page's colours, titles."""
    root = ElementTree.fromstring(drawing)  # noqa: S314 - our own renderer's output
    rebuilt = _rebuilt(root)
    rebuilt.set("class", "chart")
    rebuilt.set("role", "img")
    rebuilt.set("aria-label", label)
    return ElementTree.tostring(rebuilt, encoding="unicode")


def _rebuilt(source: ElementTree.Element) -> ElementTree.Element:
    element = ElementTree.Element(_name(source), _attributes(source))
    element.text = (source.text or "").strip() or None
    if element.get("fill") == _VARIABLES[INKS["hit"]]:
        return _hover_target(source, element)
    children = [_rebuilt(child) for child in source if _is_visible(child)]
    element.extend(child for child in children if child.tag != "g" or len(child))
    return element


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _is_visible(element: ElementTree.Element) -> bool:
    known = _name(element) in _KEPT_ELEMENTS
    return known and element.get("class") not in {"background", "foreground"}


def _attributes(source: ElementTree.Element) -> dict[str, str]:
    kept = {k: v for k, v in source.items() if k in _KEPT_ATTRIBUTES and (k, v) not in _DEFAULTS}
    return {key: _VARIABLES.get(v, _LONG_DECIMALS.sub(r"\1", v)) for key, v in kept.items()}


def _hover_target(source: ElementTree.Element, element: ElementTree.Element) -> ElementTree.Element:
    element.attrib = {"class": "hit", "d": element.get("d", "")}
    ElementTree.SubElement(element, "title").text = source.get("aria-label", "")
    return element
