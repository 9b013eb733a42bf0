"""From a policy's YAML to a Policy. Every wrong value is named with its file, line and key."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast

import yaml

from harness.errors import RegistryError, did_you_mean
from harness.records import Combination, Demand, Policy, Price, Rule, WhenInconclusive
from harness.registry.documents import Loader
from harness.registry.fields import Fields

Trail = tuple[str, ...]
"""The keys that lead to a value."""

CEILINGS = ("failure_share", "refusal_share", "copy_rate", "latency_p95_s", "cost_usd", "tokens")
"""What can be capped beside scores; the first three are shares."""

SHARES = frozenset(CEILINGS[:3])
BARE = ("evals", "forgetting", "alpha", "combine", "inconclusive", "graded")
"""Keys by which a file that holds one policy, without a name over it, is known."""

MOST = 0.99
"""The largest margin or gain of a share: a difference of 1 asks for nothing, or for all."""

DIRECTIONS = ("higher", "lower")
PERCENT = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(%|pp|points?)")


@dataclass(frozen=True)
class Origin:
    """Where a policy was written: its file, and the keys under which it stands there."""

    file: Path
    subject: str
    root: Trail = ()

    @cached_property
    def lines(self) -> Mapping[Trail, int]:
        """The line of every key, counted from 1; the file was checked when it was first read."""
        try:
            node = Loader(self.file.read_text(encoding="utf-8-sig")).get_single_node()
        except (OSError, ValueError, yaml.YAMLError):  # changed since: then without lines
            return {}
        return dict(_lines(node, ()))

    def place(self, trail: Trail) -> str:
        """``file:line: policy 'x': evals: orders.*``, to open a message."""
        keys = self.root + trail
        known = (self.lines.get(keys[:end]) for end in range(len(keys), 0, -1))
        line = next((line for line in known if line is not None), None)
        where = f"{self.file}:{line}" if line else str(self.file)
        return ": ".join((where, self.subject, *trail))


def _lines(node: Any, trail: Trail) -> Iterator[tuple[Trail, int]]:
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        if isinstance(key, yaml.ScalarNode):
            below = (*trail, str(key.value))
            yield below, key.start_mark.line + 1 if key.start_mark else 1
            yield from _lines(value, below)


class PolicyFields(Fields):
    """Fields whose messages carry the line of the key that they are about."""

    def __init__(self, value: Any, origin: Origin, trail: Trail = ()) -> None:
        super().__init__(value, origin.place(trail))
        self.origin, self.trail = origin, trail

    def at(self, key: str) -> str:
        """The place of one of the keys."""
        return self.origin.place((*self.trail, key))

    def wrong(self, key: str, expected: str, found: Any) -> RegistryError:
        """The error for a value that is not what it should be."""
        message = str(super().wrong("", expected, found))
        return RegistryError(f"{self.at(key)}{message.removeprefix(f'{self.place}: ')}")

    def inside(self, key: str) -> PolicyFields:
        """The fields of a nested mapping."""
        return PolicyFields(self.take(key), self.origin, (*self.trail, key))

    def refuse_rest(self) -> None:
        """Nothing may be left: a leftover is a mistyped or misplaced name."""
        for key in self.rest():
            near = did_you_mean(key, self._taken)
            raise RegistryError(f"{self.at(key)}: unknown key{near}")

    def groups(self, key: str) -> Iterator[tuple[str, PolicyFields]]:
        """The mappings under a key, by their names."""
        for name in self.mapping_at(key):
            yield (
                name,
                PolicyFields(self.mapping_at(key)[name], self.origin, (*self.trail, key, name)),
            )
        self.take(key)

    def mapping_at(self, key: str) -> dict[str, Any]:
        """A mapping of names, left in place; {} when the field is absent."""
        value = self.peek(key)
        if value is not None and not isinstance(value, dict):
            raise self.wrong(key, "a mapping of names to values", value)
        return {str(name): one for name, one in (value or {}).items()}

    def share(self, key: str, low: float = 0.0, high: float = 1.0) -> float | None:
        """A fraction, written as 0.02, 2%, 2pp or "2 points"."""
        value = self.take(key)
        if value is None:
            return None
        found = share_of(value)
        if found is None or not low <= found <= high:
            raise self.wrong(key, f"a share from {low:g} to {high:g}, such as 0.02 or 2%", value)
        return found


def share_of(value: Any) -> float | None:
    """0.03, "0.03", "3%", "3pp" or "3 points" as a fraction; None where it is none of these."""
    if isinstance(value, str):
        if match := PERCENT.fullmatch(value.strip()):
            return float(match[1]) / 100
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) else None


# --- a policy ------------------------------------------------------------------------


def make_policy(name: str, raw: Any, origin: Origin) -> Policy:
    """Read and check a policy.

    Raises:
        RegistryError: ``file:line: policy 'x': keys: what is wrong``.
    """
    fields = PolicyFields(raw, origin)
    policy = Policy(
        name=name,
        description=fields.text("description") or "",
        alpha=_alpha(fields),
        combine=cast("Combination", fields.choice("combine", ("all", "any"), "all")),
        inconclusive=cast(
            "WhenInconclusive", fields.choice("inconclusive", ("fail", "warn"), "fail")
        ),
        graded=_or(fields.share("graded", low=0.5), 0.99),
        samples=_samples(fields),
        prices=_prices(fields),
        rules=(*_eval_rules(fields), *_forgetting_rules(fields)),
    )
    fields.refuse_rest()
    if not policy.rules:
        raise RegistryError(
            f"{fields.place}: asks for nothing; under 'evals', name an eval and what it needs, "
            'such as  "orders.*": {non_inferior: {margin: 2%}}'
        )
    _check_costs(policy, fields)
    return policy


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


def _alpha(fields: PolicyFields) -> float:
    alpha = fields.number("alpha")
    if alpha is not None and not 0 < alpha < 0.5:
        raise fields.wrong("alpha", "a number above 0 and below 0.5", alpha)
    return _or(alpha, 0.05)


def _samples(fields: PolicyFields) -> int | None:
    if fields.peek("samples") == "all":
        fields.take("samples")
        return None
    return fields.integer("samples", least=1)


def _prices(fields: PolicyFields) -> Price | None:
    if "prices" not in fields:
        fields.take("prices")
        return None
    inner = fields.inside("prices")
    prompt, completion = inner.number("prompt"), inner.number("completion")
    inner.refuse_rest()
    if prompt is None or completion is None:
        raise RegistryError(
            f"{inner.place}: give 'prompt' and 'completion', in dollars for a million tokens"
        )
    return Price(prompt, completion)


def _check_costs(policy: Policy, fields: PolicyFields) -> None:
    if policy.prices is None and any(rule.metric == "cost_usd" for rule in policy.rules):
        raise RegistryError(
            f"{fields.place}: a ceiling on 'cost_usd' needs 'prices'; add "
            "prices: {prompt: 0.15, completion: 0.60} (dollars for a million tokens)"
        )


def _eval_rules(fields: PolicyFields) -> Iterator[Rule]:
    for pattern, one in list(fields.groups("evals")):
        before = len(rules := list(_rules(one, pattern)))
        one.refuse_rest()
        if not before:
            raise RegistryError(f"{one.place}: asks for nothing; known are {', '.join(EVAL_KEYS)}")
        yield from rules


EVAL_KEYS = (
    *("non_inferior", "superior", "gain", "floor", "ceilings"),
    *("must_pass", "diversity", "metrics"),
)


def _rules(one: PolicyFields, pattern: str) -> Iterator[Rule]:
    """What is asked of one eval."""
    yield from _comparing(one, Rule("superior", pattern), MOST, high=1.0)
    if "ceilings" in one:
        yield from _ceilings(one.inside("ceilings"), pattern)
    one.take("ceilings")
    if ids := one.texts("must_pass"):
        yield Rule("must_pass", pattern, samples=ids)
    if (loss := _limit(one, "diversity", "loss", 1.0)) is not None:
        yield Rule("diversity", pattern, loss)
    for name, metric in one.groups("metrics"):
        yield from _metric_rules(metric, pattern, name)


def _metric_rules(fields: PolicyFields, pattern: str, name: str) -> Iterator[Rule]:
    """What is asked of one of the grader's further numbers; it may be no share."""
    lower = fields.choice("direction", DIRECTIONS, "higher") == "lower"
    about = Rule("superior", pattern, metric=name, lower_is_better=lower)
    rules = list(_comparing(fields, about, math.inf, high=math.inf))
    ceiling = fields.share("ceiling", high=math.inf)
    if ceiling is not None:
        rules.append(_of(about, "ceiling", ceiling))
    fields.refuse_rest()
    if not rules:
        raise RegistryError(
            f"{fields.place}: asks for nothing; "
            "known are non_inferior, superior, gain, floor, ceiling"
        )
    yield from rules


def _comparing(fields: PolicyFields, about: Rule, most: float, high: float) -> Iterator[Rule]:
    """The demands that every score can have; ``most`` bounds differences, ``high`` scores."""
    margin = _limit(fields, "non_inferior", "margin", most)
    if margin is not None:
        yield _of(about, "non_inferior", margin)
    if fields.truth("superior"):
        yield _of(about, "superior", 0.0)
    gain = fields.share("gain", high=most)
    if gain is not None:
        yield _of(about, "gain", gain)
    floor = fields.share("floor", high=high)
    if floor is not None:
        yield _of(about, "floor", floor)


def _of(about: Rule, demand: Demand, limit: float) -> Rule:
    return Rule(demand, about.pattern, limit, about.metric, about.lower_is_better)


def _limit(
    fields: PolicyFields, key: str, inner: Literal["margin", "loss", "within"], high: float
) -> float | None:
    """A limit, written as ``key: {inner: 2%}`` or ``key: 2%``. It has no default."""
    if isinstance(fields.peek(key), dict):
        below = fields.inside(key)
        value = below.share(inner, high=high)
        below.refuse_rest()
        if value is None:
            raise RegistryError(f"{below.place}: '{inner}' is missing; say what is accepted")
        return value
    if isinstance(fields.peek(key), bool):
        raise RegistryError(f"{fields.at(key)}: '{inner}' is missing; write {key}: {{{inner}: 2%}}")
    return fields.share(key, high=high)


def _ceilings(fields: PolicyFields, pattern: str) -> Iterator[Rule]:
    for name in CEILINGS:
        high = 1.0 if name in SHARES else math.inf
        value = fields.share(name, high=high) if name in SHARES else fields.number(name)
        if value is not None:
            yield Rule("ceiling", pattern, value, metric=name, lower_is_better=True)
    fields.refuse_rest()


def _forgetting_rules(fields: PolicyFields) -> Iterator[Rule]:
    """What the model must not forget: other evals, each within a tolerance."""
    patterns = list(fields.mapping_at("forgetting"))
    if not patterns:
        fields.take("forgetting")
        return
    inner = fields.inside("forgetting")
    for pattern in patterns:
        within = _limit(inner, pattern, "within", MOST)
        if within is None:
            raise RegistryError(f"{inner.at(pattern)}: 'within' is missing; say what is accepted")
        yield Rule("forgetting", pattern, within)


# --- where policies stand ------------------------------------------------------------


def pick_policy(items: Mapping[str, Any], name: str | None, path: Path) -> tuple[str, Any, Trail]:
    """The policy that is meant among those of one file, and the keys under which it stands.

    Raises:
        RegistryError: several, or none of that name.
    """
    if any(key in items for key in BARE):
        return path.stem, dict(items), ()
    if name is None and len(items) == 1:
        only = next(iter(items))
        return only, items[only], (only,)
    if name is None:
        if not items:
            raise RegistryError(f"{path}: holds no policy; write one, as in docs/gate.md")
        known = ", ".join(items)
        raise RegistryError(f"{path}: holds the policies {known}; choose one with {path}#NAME")
    if name not in items:
        raise RegistryError(f"{path}: no policy '{name}'{did_you_mean(name, items)}")
    return name, items[name], (name,)
