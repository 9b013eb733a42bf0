"""Who turns answers into vectors: from a name that the user gave to a function on texts."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import BadVectors, UsageError
from harness.models.base import EmbeddingModel
from harness.models.providers import OPENAI_URL, Access
from harness.models.secrecy import without_secrets
from harness.models.server import shown
from harness.pipeline.orders.caching import Caching, is_local
from harness.records import Embeddings
from harness.running.cache import LARGEST_BYTES
from harness.running.embedding import AT_ONCE, MOST_TEXTS, Asking, VectorCache
from harness.running.loop import driven, is_in_a_loop
from harness.running.retries import SURE_AFTER, Limits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.models.embeddings import FunctionEmbeddings

EMBEDDED = "embedded:"
MOST_IN_MEMORY = 20_000
"""Vectors; those of more texts are looked up in the cache, or asked for again."""

A_TEST = "The quick brown fox jumps over the lazy dog."
"""What a model is tried on before anything is paid for."""


@dataclass(eq=False)
class Embedder:
    """Texts to vectors, each text once: from memory, from the cache across runs, from the model.

    ``name`` is what reports say; it holds nothing secret. ``observer`` is told how many texts
    the model was asked for so far. ``asked`` and ``from_cache`` count texts.
    """

    name: str
    model: EmbeddingModel
    limits: Limits = field(default_factory=Limits)
    cache: VectorCache | None = None
    observer: Callable[[int], None] | None = None
    asked: int = 0
    from_cache: int = 0
    _known: dict[str, Any] = field(default_factory=dict, repr=False)
    _dimensions: int | None = None

    def embed(self, texts: Sequence[str]) -> NDArray[Any]:
        """One row a text, (texts, dimensions); a blank text has no meaning and a row of zeros.

        Raises:
            ProviderError: the model did not answer as it should.
        """
        import numpy as np

        wanted = list(dict.fromkeys(text for text in texts if text.strip()))
        found = self._found(wanted)
        rows = np.zeros((len(texts), self._dimensions or 1), np.float32)
        for row, text in enumerate(texts):
            if text in found:
                rows[row] = found[text]
        return rows

    def check(self) -> None:
        """Try the model on one sentence, whatever is kept, and without much patience.

        Raises:
            ProviderError: it does not answer as it should.
        """
        attempts = min(self.limits.max_attempts, SURE_AFTER)
        hasty = replace(self.limits, max_attempts=attempts)
        self._check_dimensions(run_anywhere(Asking(self.model, hasty).vectors([A_TEST])))

    def _found(self, wanted: Sequence[str]) -> dict[str, Any]:
        found = {text: self._known[text] for text in wanted if text in self._known}
        missing = [text for text in wanted if text not in found]
        if missing and self.cache is not None:
            kept = self.cache.get(missing)
            self._check_dimensions(kept.values())
            self.from_cache += len(kept)
            found |= kept
            missing = [text for text in missing if text not in kept]
        step = MOST_TEXTS * AT_ONCE
        for start in range(0, len(missing), step):  # what came is kept, also where the rest fails
            fresh = self._ask(missing[start : start + step])
            if self.cache is not None:
                self.cache.put(fresh)
            found |= fresh
        self._remember(found)
        return found

    def _ask(self, texts: list[str]) -> dict[str, Any]:
        asking = Asking(self.model, self.limits, self._observe)
        vectors = run_anywhere(asking.vectors(texts))
        self._check_dimensions(vectors)
        self.asked += len(texts)
        return dict(zip(texts, vectors, strict=True))

    def _observe(self, done: int) -> None:
        if self.observer is not None:
            self.observer(self.asked + done)

    def _check_dimensions(self, vectors: Any) -> None:
        for vector in vectors:
            if self._dimensions not in (None, vector.size):
                raise BadVectors(
                    f"{self.name} gave vectors of {self._dimensions} and of {vector.size} numbers: "
                    "another model stands behind the name now; harness cache clear forgets the old"
                )
            self._dimensions = vector.size

    def _remember(self, found: dict[str, Any]) -> None:
        self._known |= found
        for text in list(self._known)[: max(0, len(self._known) - MOST_IN_MEMORY)]:
            del self._known[text]


def embedder_for(
    named: Embeddings, access: Access | None, caching: Caching, limits: Limits
) -> Embedder:
    """The embedder that a study or a command names.

    Raises:
        UsageError: no way to reach it.
    """
    reach = access or Access(base_url=named.base_url)
    return embedder(named.model, reach, caching, limits=limits)


def run_anywhere(work: Coroutine[Any, Any, Any]) -> Any:
    """Drive the work to its end, also where an event loop runs already, as in a notebook."""
    if not is_in_a_loop():
        return driven(work)
    with ThreadPoolExecutor(1) as beside:
        return beside.submit(driven, work).result()


# --- from a name ---------------------------------------------------------------------


def embedder(
    spec: str,
    access: Access | None = None,
    caching: Caching | None = None,
    *,
    limits: Limits | None = None,
) -> Embedder:
    """The embedder that ``spec`` names.

    That is a model at ``access.base_url``, or, without an address, ``module:function``: code
    that is imported here and called with a list of texts, so ``spec`` has to come from the user.
    ``embedded:tiny-base`` is the embedded model without a server.

    Raises:
        UsageError: no way to reach a server, or a name that means nothing.
    """
    reach, keep = access or Access(), caching or Caching()
    if spec.startswith(EMBEDDED):
        return Embedder(spec, _embedded(spec.removeprefix(EMBEDDED)), limits or Limits())
    if Embeddings(spec, reach.base_url).is_code:
        return _function(spec, keep, limits or Limits())
    return _server(spec, reach, keep, limits or Limits())


def _embedded(name: str) -> EmbeddingModel:
    from harness.embedded.checkpoint import load_base
    from harness.embedded.models import BASE
    from harness.models.embeddings import EmbeddedEmbeddings

    if name != BASE:
        raise UsageError(f"embeddings: no model {EMBEDDED}{name}; only the base, {EMBEDDED}{BASE}")
    return EmbeddedEmbeddings(*load_base())


def _function(spec: str, caching: Caching, limits: Limits) -> Embedder:
    """A function is kept across runs only where a cache was named: its code may change."""
    from harness.models.embeddings import named_function

    model = named_function(spec, Path.cwd())
    cache = _cache(caching, f"{spec} {_code_hash(model)}") if caching.everywhere else None
    return Embedder(spec, model, limits, cache)


def _server(spec: str, access: Access, caching: Caching, limits: Limits) -> Embedder:
    from harness.models.embeddings import ServerEmbeddings

    address = access.base_url or access.default_url
    if address is None and access.api_key is None:
        raise UsageError(
            f"no key and no server for embeddings by '{spec}': give --embeddings-base-url, set "
            "OPENAI_API_KEY, or name a function of your own as module:function"
        )
    address = address or OPENAI_URL
    model = ServerEmbeddings(
        model=spec,
        base_url=address,
        api_key=access.api_key,
        organization=access.organization,
        headers=access.headers,
        timeout_s=access.timeout_s,
    )
    is_kept = caching.everywhere or not is_local(address)
    parts = (spec, address.rstrip("/"), access.organization, dict(access.headers))
    cache = _cache(caching, json.dumps(parts, sort_keys=True)) if is_kept else None
    return Embedder(f"{spec} at {without_secrets(shown(address))}", model, limits, cache)


def _cache(caching: Caching, place: str) -> VectorCache | None:
    if caching.folder is None:
        return None
    return VectorCache(caching.folder, place, caching.largest_bytes or LARGEST_BYTES)


def _code_hash(model: FunctionEmbeddings) -> str:
    """A hash of the file that the function stands in, so that changed code is asked anew."""
    try:
        file = inspect.getsourcefile(inspect.unwrap(model.function))
        return hashlib.sha256(Path(file or "").read_bytes()).hexdigest()
    except (TypeError, OSError):
        return ""
