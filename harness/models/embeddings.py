"""Texts as vectors: by an OpenAI-compatible server, or by a function of the user's own.

Each asks once and returns one vector a text or one of our errors; packing texts into requests,
trying again and keeping vectors is for others.
"""

from __future__ import annotations

import base64
import binascii
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import orjson

from harness.errors import (
    BadResponse,
    BadVectors,
    ModelNotFound,
    ProviderError,
    UsageError,
    did_you_mean,
)
from harness.models.base import AlwaysOpen
from harness.models.connection import Connection, near_models
from harness.models.refusals import error_of, not_the_api, one_line, refusal
from harness.models.server import Server, shown
from harness.models.wire import parsed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from harness.embedded.network import Network
    from harness.embedded.tokenizer import Tokenizer

    Vectors = NDArray[np.float32]

PATH = "embeddings"
OPTIONS = {
    "--base-url": "--embeddings-base-url",
    "set OPENAI_API_KEY to a key of this server": "name the variable of its key with "
    "--embeddings-api-key-env",
    "lower --concurrency or raise --timeout": "raise --timeout",
    "; lower --concurrency": "; try again later",
    "the prompt is too long for this model: shorten it or exclude the sample": "a text is too "
    "long for this model; choose another with --embeddings",
}
"""What the errors of other requests recommend, and what helps here instead."""


@dataclass(eq=False)
class ServerEmbeddings:
    """A model behind ``/v1/embeddings``; use it as an async context manager.

    ``base_url`` usually ends in ``/v1``. ``timeout_s`` bounds one request.

    Raises:
        UsageError: an address, key or header that cannot be used.
    """

    model: str
    base_url: str = field(repr=False)
    api_key: str | None = field(default=None, repr=False)
    organization: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout_s: float = 60.0

    def __post_init__(self) -> None:
        try:
            self._server = Server(self.base_url, self.api_key, self.organization, self.headers)
        except UsageError as error:
            raise UsageError(in_our_words(str(error))) from None
        self._connection = Connection(self._server, self.timeout_s)
        self._url = self._server.url(PATH)

    async def __aenter__(self) -> Self:
        await self._connection.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._connection.__aexit__(kind, error, trace)

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Ask the server once for the vectors of some texts, (texts, dimensions).

        Raises:
            ProviderError: no usable vectors; the message names server, model and repair.
        """
        try:
            return await self._embed(texts)
        except ProviderError as error:
            said = str(error)
            if isinstance(error, ModelNotFound):
                said += await near_models(self._connection, self.model)
            said = self._server.hidden(in_our_words(said))
            if repr(self.model) not in said:
                said = f"embeddings by {self.model!r}: {said}"
            error.args = (said, *error.args[1:])
            raise

    async def _embed(self, texts: Sequence[str]) -> Vectors:
        body = {"model": self.model, "input": [whole(text) for text in texts]}
        status, headers, raw = await self._connection.ask("POST", self._url, orjson.dumps(body))
        if status != 200:
            raise self._refused(status, headers, raw)
        try:
            answer = parsed(raw)
        except ValueError as error:
            raise self._not_json(headers, raw) from error
        if not isinstance(answer, dict) or (answer.get("error") and not answer.get("data")):
            raise self._refused(status, headers, raw)
        return vectors_in(answer.get("data"), len(texts), self._who)

    def _refused(self, status: int, headers: Mapping[str, str], raw: bytes) -> ProviderError:
        refused = refusal(shown(self._url), self.model, status, headers, raw)
        return error_of(replace(refused, said=self._server.hidden(refused.said)))

    def _not_json(self, headers: Mapping[str, str], raw: bytes) -> ProviderError:
        start = self._server.hidden(raw[:4096].decode("utf-8", "replace"))
        if "html" in headers.get("Content-Type", "") or start.lstrip().startswith("<"):
            return not_the_api(shown(self._url), one_line(start))
        said = one_line(start)[:80]
        return BadResponse(f"{shown(self._url)} sent broken JSON: {said!r}; asking again")

    @property
    def _who(self) -> str:
        return f"model {self.model!r} at {shown(self._url)}"


def in_our_words(message: str) -> str:
    """An error's message with the options of embeddings in its repair."""
    for theirs, ours in OPTIONS.items():
        message = message.replace(theirs, ours)
    return message


def whole(text: str) -> str:
    """The text as UTF-8 can carry it; half of a surrogate pair becomes ``?``."""
    return text.encode("utf-8", "replace").decode()


# --- what came -----------------------------------------------------------------------


def vectors_in(data: object, count: int, who: str) -> Vectors:
    """The vectors of an answer's ``data``, in the order of the texts, (count, dimensions).

    Raises:
        BadVectors: something else; ``who`` sent it.
    """
    import numpy as np

    if not isinstance(data, list):
        raise BadVectors(
            f"{who} sent no list of embeddings; it may be another API: check "
            "--embeddings-base-url, which usually ends in /v1"
        )
    if len(data) != count:
        raise BadVectors(f"{who} sent {len(data)} vectors for {texts_of(count)}; {ANOTHER_MODEL}")
    found: list[Any] = [None] * count
    for place, one in enumerate(data):
        index = one.get("index", place) if isinstance(one, dict) else None
        if not isinstance(index, int) or not 0 <= index < count or found[index] is not None:
            raise BadVectors(f"{who} sent vectors that belong to no text; {ANOTHER_MODEL}")
        found[index] = _numbers(one.get("embedding"), who)
    lengths = sorted({vector.size for vector in found})
    if len(lengths) > 1:
        raise BadVectors(
            f"{who} sent vectors of {lengths[0]} and of {lengths[-1]} numbers; {ANOTHER_MODEL}"
        )
    return checked(np.stack(found) if found else np.zeros((0, 0)), count, who)


ANOTHER_MODEL = "choose an embedding model with --embeddings"


def _numbers(said: object, who: str) -> NDArray[Any]:
    """One vector, written as numbers or as base64 of 32-bit floats."""
    import numpy as np

    try:
        if isinstance(said, str):
            return np.frombuffer(base64.b64decode(said, validate=True), "<f4")
        if isinstance(said, list):
            return np.array(said, np.float64).reshape(len(said))
    except (ValueError, TypeError, binascii.Error):
        pass
    raise BadVectors(f"{who} sent an embedding that is no list of numbers; {ANOTHER_MODEL}")


def checked(vectors: object, count: int, who: str) -> Vectors:
    """The vectors as (count, dimensions) 32-bit floats, if that is what they are.

    Raises:
        BadVectors: another shape, no numbers, or some that are not finite.
    """
    import numpy as np

    try:
        rows = np.asarray(vectors, dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise BadVectors(
            f"{who} returned no array of numbers ({one_line(str(error))}); return one row of "
            "numbers a text, all of one length"
        ) from error
    if rows.ndim != 2 or len(rows) != count or not (rows.shape[1] or not count):
        raise BadVectors(
            f"{who} returned an array of shape {rows.shape} for {texts_of(count)}; return one row "
            "of numbers a text"
        )
    with np.errstate(over="ignore"):
        small = rows.astype(np.float32)
    if not np.isfinite(small).all():
        place = int(np.flatnonzero(~np.isfinite(small).all(axis=1))[0])
        raise BadVectors(
            f"{who} sent a vector with NaN or infinity (text {place + 1} of {count}); {REPAIR_NAN}"
        )
    return small


def texts_of(count: int) -> str:
    """So many texts, in words."""
    return f"{count:,} text{'' if count == 1 else 's'}"


REPAIR_NAN = "run the model in 32-bit floats, or choose another with --embeddings"


# --- models of this machine ----------------------------------------------------------


@dataclass(eq=False)
class FunctionEmbeddings(AlwaysOpen):
    """A function of the user's own: a list of texts in, one row of numbers a text out."""

    name: str
    function: Callable[[list[str]], Any]

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Call the function once.

        Raises:
            BadVectors: it failed, or returned something else.
        """
        try:
            found = self.function(list(texts))
            if inspect.isawaitable(found):
                found = await found
        except Exception as error:  # the user's code may raise anything
            said = one_line(f"{type(error).__name__}: {error}")
            raise BadVectors(f"{self.name} failed on {texts_of(len(texts))}: {said}") from error
        return checked(found, len(texts), self.name)


@dataclass(eq=False)
class EmbeddedEmbeddings(AlwaysOpen):
    """The embedded model, without a server."""

    tokenizer: Tokenizer
    network: Network

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """The vectors that its server would send."""
        from harness.embedded.vectors import mean_states

        ids = [self.tokenizer.encode(whole(text)) for text in texts]
        return checked(mean_states(self.network, ids), len(texts), "the embedded model")


def named_function(spec: str, folder: Path) -> FunctionEmbeddings:
    """The function that the user named; its module may lie in ``folder``, behind all installed.

    Raises:
        UsageError: no such module or function, or a module that fails.
    """
    module_name, _, name = spec.partition(":")
    if str(folder) not in sys.path:
        sys.path.append(str(folder))  # stays: a function may import its neighbours when called
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise _fails(spec, module_name, error) from error
        raise UsageError(
            f"--embeddings {spec}: no module {error.name!r}, neither installed nor in {folder}; "
            "for a server's model of this name give --embeddings-base-url"
        ) from error
    except Exception as error:
        raise _fails(spec, module_name, error) from error
    function = getattr(module, name, None)
    if function is None:
        known = [key for key, value in vars(module).items() if callable(value)]
        raise UsageError(
            f"--embeddings {spec}: module {module_name!r} has no {name!r}"
            f"{did_you_mean(name, known)}"
        )
    if not callable(function):
        raise UsageError(f"--embeddings {spec}: {name!r} is no function; name one")
    return FunctionEmbeddings(spec, function)


def _fails(spec: str, module: str, error: Exception) -> UsageError:
    said = one_line(f"{type(error).__name__}: {error}")
    return UsageError(f"--embeddings {spec}: module {module!r} cannot be imported ({said})")
