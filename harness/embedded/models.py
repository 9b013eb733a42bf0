"""The models that can be asked: the base, and what was tuned from it; in memory and on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import orjson

from harness.embedded import checkpoint
from harness.embedded.listing import Json
from harness.embedded.network import Network
from harness.embedded.refusals import Refusal, UnknownModel
from harness.embedded.tokenizer import Tokenizer
from harness.errors import UsageError

BASE = "tiny-base"
INDEX = "models.json"


@dataclass(frozen=True, slots=True)
class Model:
    """A named network."""

    id: str
    network: Network
    created: int

    @property
    def json(self) -> Json:
        """The API's model object."""
        return {
            "id": self.id,
            "object": "model",
            "created": self.created,
            "owned_by": "embedded",
        }


class Models:
    """Models by name, all with one tokenizer; safe to use from several threads."""

    def __init__(self, tokenizer: Tokenizer, base: Network, clock: Callable[[], float]) -> None:
        self.tokenizer = tokenizer
        self._clock = clock
        self._models = {BASE: Model(BASE, base, int(clock()))}
        self._lock = Lock()

    def find(self, id: str) -> Model:
        """Return a model.

        Raises:
            UnknownModel: no model has this name; the message has the nearest ones.
        """
        with self._lock:
            model = self._models.get(id)
            if model is None:
                raise UnknownModel(id, self._models)
        return model

    def all(self) -> list[Model]:
        """Return the models, oldest first."""
        with self._lock:
            return list(self._models.values())

    def publish(self, id: str, network: Network) -> None:
        """Make a network available under a name."""
        with self._lock:
            self._models[id] = Model(id, network, int(self._clock()))

    def delete(self, id: str) -> None:
        """Forget a tuned model."""
        self.find(id)
        if id == BASE:
            raise Refusal(f"The model '{BASE}' cannot be deleted.", status=403, param="model")
        with self._lock:
            self._models.pop(id, None)

    def save(self, folder: Path, ids: Iterable[str]) -> None:
        """Write models into a folder, beside those that it has: one npz each, and an index."""
        folder.mkdir(parents=True, exist_ok=True)
        index = read_index(folder) if (folder / INDEX).exists() else {}
        for model in map(self.find, ids):
            index[model.id] = f"{model.id.replace(':', '_')}.npz"
            checkpoint.save(folder / index[model.id], self.tokenizer, model.network)
        (folder / INDEX).write_bytes(orjson.dumps(index, option=orjson.OPT_INDENT_2))

    def load(self, folder: Path) -> list[str]:
        """Publish the models that ``save`` wrote into a folder, and return their names.

        Raises:
            UsageError: the folder holds no such models, or some of another base model.
        """
        index = read_index(folder)
        for name, filename in index.items():
            self.publish(name, self._loaded(folder / filename))
        return list(index)

    def _loaded(self, path: Path) -> Network:
        try:
            tokenizer, network = checkpoint.load(path)
        except (OSError, ValueError) as error:
            raise UsageError(f"{path}: not a saved model: {error}") from error
        if tokenizer.words != self.tokenizer.words:
            raise UsageError(f"{path}: made from another base model; tune it again")
        return network


def read_index(folder: Path) -> dict[str, str]:
    """Return which file of a folder holds which model.

    Raises:
        UsageError: there is no such index, or it names files outside its folder.
    """
    path = folder / INDEX
    try:
        index = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise UsageError(f"{path}: not an index of saved models: {error}") from error
    if not isinstance(index, dict) or not all(map(is_filename, index.values())):
        raise UsageError(f"{path}: not an object of model names and npz files beside it")
    return index


def is_filename(value: object) -> bool:
    """Whether a value names a file in the index's own folder."""
    return isinstance(value, str) and Path(value).name == value
