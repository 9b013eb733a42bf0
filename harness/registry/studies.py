"""From a study's YAML to a Study. Strict: an unknown key or a wrong value is an error."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness import extensions
from harness.errors import RegistryError, did_you_mean
from harness.records import Checkpoint, Embeddings, Experiment, Policy, Study, Tuning
from harness.registry import alternatives, embedded
from harness.registry.embedded import EMBEDDED
from harness.registry.fields import Fields
from harness.registry.places import data_path
from harness.registry.policies import Origin, make_policy

PROVIDERS = ("openai", EMBEDDED, "recorded")
DEFAULT = "default"
"""Stands for the epochs that the hosted API takes by itself."""

EXPERIMENT_KEYS = (
    *("training_data", "evals", "tune", "tuned", "others"),
    *("target", "ceiling", "wanted_refusals", "train_probe", "forgetting", "settings"),
    *alternatives.KEYS,
)
KnownEvals = Callable[[Sequence[str]], Sequence[str]]
"""The evals that patterns mean; raises a RegistryError when one of them matches none."""

NamedPolicy = Callable[[str], Policy]
"""A policy by its name; raises a RegistryError when there is none."""


@dataclass(frozen=True, slots=True)
class StudySource:
    """A study as it was written: its fields' place, its file, and where its data may lie.

    ``beside`` is the folder of a study that the user named by its file: there, and only
    there, a path may also lead elsewhere, because it is the user's own.
    """

    name: str
    raw: Any
    place: str
    file: Path
    roots: tuple[Path, ...]
    beside: Path | None = None
    trail: tuple[str, ...] = ()


def make_study(source: StudySource, check_evals: KnownEvals, named_policy: NamedPolicy) -> Study:
    """Read and check a study.

    Raises:
        RegistryError: ``file: study 'x': experiment 'y': key: what is wrong``.
    """
    fields = Fields(source.raw, source.place)
    provider, base = _base(fields)
    study = Study(
        name=source.name,
        base=base,
        provider=provider,
        base_url=_answers(fields, source)
        if provider == "recorded"
        else _base_url(fields, provider),
        description=fields.text("description") or "",
        experiments=tuple(_bare(one, provider) for one in _experiments(fields, source)),
        source=source.file,
        policy=_policy(fields, source, named_policy),
        embeddings=_embeddings(fields, source),
    )
    fields.refuse_rest()
    embedded.check(study, source.place)
    for experiment in study.experiments:
        _check(experiment, f"{source.place}: experiment '{experiment.name}'", check_evals)
    return study


def _policy(fields: Fields, source: StudySource, named: NamedPolicy) -> Policy | None:
    """A policy that stands in the study, or one of the registry by its name."""
    if isinstance(fields.peek("policy"), str):
        return named(fields.required_text("policy"))
    raw = fields.take("policy")
    if raw is None:
        return None
    subject = f"study '{source.name}': policy"
    return make_policy(source.name, raw, Origin(source.file, subject, (*source.trail, "policy")))


def _embeddings(fields: Fields, source: StudySource) -> Embeddings | None:
    """A model's name, or a name and an address; code only where the user named the file."""
    if isinstance(fields.peek("embeddings"), str):
        named = Embeddings(fields.required_text("embeddings"))
    elif "embeddings" in fields:
        inside = fields.inside("embeddings")
        named = Embeddings(inside.required_text("model"), _address(inside))
        inside.refuse_rest()
    else:
        fields.take("embeddings")
        return None
    if source.beside is None and named.is_code:
        raise RegistryError(
            f"{fields.place}: embeddings: {named.model!r} is code, which a registry may not name; "
            "name it yourself with --embeddings, or give its server as 'base_url'"
        )
    return named


def _base(fields: Fields) -> tuple[str, str]:
    """Who answers, and the base model's name there; ``embedded:tiny-base`` says both."""
    provider, base = _provider(fields), fields.required_text("base")
    prefix, _, name = base.partition(":")
    if prefix not in _prefixes() or not name:
        return provider or "openai", base
    if provider not in (None, prefix):
        raise RegistryError(
            f"{fields.place}: base: '{base}' is a model of the provider '{prefix}', and 'provider' "
            f"says '{provider}'; drop one of the two"
        )
    return prefix, name


def _provider(fields: Fields) -> str | None:
    """Who answers, if it is said: one of ours, or of an installed package."""
    named = fields.text("provider")
    if named is not None and named not in PROVIDERS:
        others = extensions.names(extensions.PROVIDERS)
        if named not in others:
            raise fields.wrong("provider", f"one of {', '.join((*PROVIDERS, *others))}", named)
    return named


def _prefixes() -> tuple[str, ...]:
    """What may stand before a model's name, as on the command line."""
    return (EMBEDDED, *extensions.names(extensions.PROVIDERS))


def _bare(experiment: Experiment, provider: str) -> Experiment:
    """The experiment with its models named as their provider knows them."""
    if provider not in _prefixes():
        return experiment
    said = f"{provider}:"
    return replace(
        experiment,
        tuned=tuple(replace(one, model=one.model.removeprefix(said)) for one in experiment.tuned),
        others=tuple(name.removeprefix(said) for name in experiment.others),
    )


def _base_url(fields: Fields, provider: str) -> str | None:
    if "base_url" in fields and provider == EMBEDDED:
        raise RegistryError(f"{fields.place}: the embedded provider has no 'base_url'; drop it")
    return _address(fields)


def _address(fields: Fields) -> str | None:
    url = fields.text("base_url")
    if url is not None and not url.startswith(("http://", "https://")):
        raise fields.wrong("base_url", "an address that starts with http:// or https://", url)
    return url


def _answers(fields: Fields, source: StudySource) -> str:
    """Where the stored answers of a study lie that asks nobody."""
    path = _data_file(fields, "answers", source)
    if path is None:
        raise RegistryError(
            f"{fields.place}: 'answers' is missing; name the file they are stored in"
        )
    return str(path.resolve())


def _experiments(fields: Fields, source: StudySource) -> tuple[Experiment, ...]:
    if "experiments" not in fields:
        fields.take("experiments")
        return (_experiment(fields, source.name, source),)
    loose = next((key for key in EXPERIMENT_KEYS if key in fields), None)
    if loose is not None:
        raise RegistryError(f"{fields.place}: move '{loose}' into one of the experiments")
    group = fields.inside("experiments")
    if not group.rest():
        raise RegistryError(f"{fields.place}: 'experiments' is empty; add one")
    return tuple(_one_of_several(name, raw, source) for name, raw in group.rest().items())


def _one_of_several(name: str, raw: Any, source: StudySource) -> Experiment:
    fields = Fields(raw, f"{source.place}: experiment '{name}'")
    experiment = _experiment(fields, name, source)
    fields.refuse_rest()
    return experiment


def _experiment(fields: Fields, name: str, source: StudySource) -> Experiment:
    ceiling = _positive(fields, "ceiling", most=1.0)
    train_probe = fields.integer("train_probe", least=0)
    return Experiment(
        name=name,
        evals=fields.texts("evals"),
        training_data=_data_file(fields, "training_data", source),
        tuning=_tuning(fields.inside("tune")) if "tune" in fields else fields.take("tune"),
        tuned=_checkpoints(fields),
        others=fields.texts("others"),
        forgetting=fields.texts("forgetting"),
        settings=_settings(fields),
        target=fields.number("target", 0.0, 1.0),
        ceiling=1.0 if ceiling is None else ceiling,
        wanted_refusals=fields.number("wanted_refusals", 0.0, 1.0),
        train_probe=300 if train_probe is None else train_probe,
        prompts=alternatives.prompts(fields),
        doubling=alternatives.doubling(fields),
        instead_of=alternatives.instead_of(fields),
    )


def _settings(fields: Fields) -> dict[str, str | float]:
    """What else was set in training, by names of the user's own."""
    found: dict[str, str | float] = {}
    for key, value in fields.mapping("settings").items():
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise fields.wrong("settings", f"a number or a text for {key!r}", value)
        found[str(key)] = value if isinstance(value, str) else float(value)
    return found


def _data_file(fields: Fields, key: str, source: StudySource) -> Path | None:
    relative = fields.text(key)
    if relative is None:
        return None
    if source.beside is not None and (source.beside / relative).is_file():
        return source.beside / relative
    return data_path(relative, source.roots, f"{fields.place}: {key}")


def _tuning(fields: Fields) -> Tuning:
    if fields.peek("epochs") == DEFAULT:
        fields.take("epochs")
        epochs: tuple[int, ...] | None = ()
    else:
        epochs = fields.integers("epochs", least=1)
    tuning = Tuning(
        epochs=epochs or (),
        seeds=fields.integers("seeds", least=0) or (1,),
        batch_size=fields.integer("batch_size", least=1),
        learning_rate_multiplier=_positive(fields, "learning_rate_multiplier"),
    )
    fields.refuse_rest()
    if epochs is None:
        raise RegistryError(
            f"{fields.place}: 'epochs' is missing; list the epoch counts to judge, or write "
            f"'{DEFAULT}' for what the hosted API takes by itself"
        )
    return tuning


def _positive(fields: Fields, key: str, most: float = math.inf) -> float | None:
    value = fields.number(key, 0.0, most)
    if value == 0:
        bounds = "above 0" if most == math.inf else f"above 0 and of at most {most:g}"
        raise fields.wrong(key, f"a number {bounds}", value)
    return value


def _checkpoints(fields: Fields) -> tuple[Checkpoint, ...]:
    values = fields.take("tuned")
    if values is None:
        return ()
    if not isinstance(values, list) or not values:
        raise fields.wrong("tuned", "a list of tuned models", values)
    return tuple(
        _checkpoint(Fields(value, f"{fields.place}: tuned: item {i}"))
        for i, value in enumerate(values, 1)
    )


def _checkpoint(fields: Fields) -> Checkpoint:
    epoch = fields.number("epochs")
    if epoch is None:
        raise RegistryError(f"{fields.place}: 'epochs' is missing; say after how many it was saved")
    checkpoint = Checkpoint(
        model=fields.required_text("model"),
        epoch=epoch,
        step=fields.integer("step", least=0),
        seed=fields.integer("seed", least=0),
        train_loss=fields.number("train_loss"),
        valid_loss=fields.number("valid_loss"),
        train_token_accuracy=fields.number("train_token_accuracy", 0.0, 1.0),
        valid_token_accuracy=fields.number("valid_token_accuracy", 0.0, 1.0),
    )
    fields.refuse_rest()
    return checkpoint


def _check(experiment: Experiment, place: str, check_evals: KnownEvals) -> None:
    """What holds between the fields of an experiment."""
    if not experiment.evals:
        raise RegistryError(f"{place}: 'evals' is missing; name what the models are judged by")
    if experiment.tuning is None and not (experiment.tuned or experiment.others):
        raise RegistryError(
            f"{place}: give 'tune' (epochs to train), 'tuned' (models with their epochs) or"
            " 'others' (models whose epochs are unknown)"
        )
    if experiment.tuning is not None and experiment.tuned:
        raise RegistryError(f"{place}: has both 'tune' and 'tuned'; keep one of them")
    if experiment.tuning is not None and experiment.training_data is None:
        raise RegistryError(f"{place}: 'tune' needs 'training_data'; name the training file")
    alternatives.check(experiment, place)
    twice = _repeated([*(one.model for one in experiment.tuned), *experiment.others])
    if twice is not None:
        raise RegistryError(f"{place}: the model '{twice}' stands there twice")
    chosen = _evals(experiment.evals, f"{place}: evals", check_evals)
    general = _evals(experiment.forgetting, f"{place}: forgetting", check_evals)
    both = next((name for name in general if name in chosen), None)
    if both is not None:
        raise RegistryError(
            f"{place}: {both} stands under 'evals' and 'forgetting'; keep it where it belongs"
        )


def _evals(patterns: Sequence[str], place: str, check_evals: KnownEvals) -> Sequence[str]:
    try:
        return check_evals(patterns)
    except RegistryError as error:
        raise type(error)(f"{place}: {error}") from error


def _repeated(names: Sequence[str]) -> str | None:
    return next((name for i, name in enumerate(names) if name in names[:i]), None)


# --- a study named by its file -------------------------------------------------------


def split_path(name_or_path: str | Path) -> tuple[Path, str | None] | None:
    """``(file, study name or None)`` for a path like ``a/study.yaml`` or ``study.yaml#demo``."""
    text, _, name = str(name_or_path).partition("#")
    if text.endswith((".yaml", ".yml")):
        return Path(text), name or None
    return None


def pick(items: dict[str, Any], name: str | None, path: Path) -> tuple[str, Any]:
    """The study that is meant among those of one file; a bare study is named like its file."""
    if isinstance(items.get("base"), str):
        return path.stem, items
    if name is None and len(items) == 1:
        return next(iter(items.items()))
    if name is None:
        if not items:
            raise RegistryError(f"{path}: holds no study; write one, as in harness show demo")
        known = ", ".join(items)
        raise RegistryError(f"{path}: holds the studies {known}; choose one with {path}#NAME")
    if name not in items:
        raise RegistryError(f"{path}: no study '{name}'{did_you_mean(name, items)}")
    return name, items[name]
