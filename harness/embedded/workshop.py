"""The workshop: models, files, batches and fine-tuning jobs as Python state, without a socket.

It speaks the hosted API's JSON objects, is safe to use from several threads, and trains queued
jobs in order on one thread of its own, and answers batches on another. It knows no HTTP.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self

from harness.embedded import wire
from harness.embedded.answering import answers, chat_question, text_questions
from harness.embedded.batches import Batches
from harness.embedded.bodies import ChatBody, EmbeddingsBody, TextBody, read_body
from harness.embedded.checkpoint import load_base
from harness.embedded.files import Files
from harness.embedded.listing import Json, new_id
from harness.embedded.models import Models
from harness.embedded.network import Network
from harness.embedded.tokenizer import Tokenizer
from harness.embedded.trainer import Trainer
from harness.embedded.vectors import embedded, embedding_list


class Workshop:
    """The embedded model with everything that can be done with it.

    Use it as a context manager, or call ``close``: its threads end then.
    """

    def __init__(
        self,
        base: tuple[Tokenizer, Network] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        tokenizer, network = base or load_base()
        self.models = Models(tokenizer, network, clock)
        self.files = Files(clock)
        self.jobs = Trainer(self.models, self.files, clock)
        endpoints = {"/v1/chat/completions": self.chat, "/v1/completions": self.complete}
        self.batches = Batches(self.files, endpoints, clock)
        self._clock = clock

    def chat(self, body: Mapping[str, Any]) -> Json:
        """Answer POST /v1/chat/completions.

        Raises:
            Refusal: the request cannot be met; ``UnknownModel`` if no model has that name.
        """
        return wire.chat_completion(self._chat_reply(read_body(ChatBody, body)))

    def chat_stream(self, body: Mapping[str, Any]) -> Iterator[Json]:
        """Answer a chat request in chunks; it is checked and answered before the first one."""
        asked = read_body(ChatBody, body)
        reply = self._chat_reply(asked)
        return with_usage(wire.chat_chunks(reply), reply, asked.wants_usage)

    def complete(self, body: Mapping[str, Any]) -> Json:
        """Answer POST /v1/completions."""
        return wire.text_completion(self._text_reply(read_body(TextBody, body)))

    def complete_stream(self, body: Mapping[str, Any]) -> Iterator[Json]:
        """Answer a completions request in chunks."""
        asked = read_body(TextBody, body)
        reply = self._text_reply(asked)
        return with_usage(wire.text_chunks(reply), reply, asked.wants_usage)

    def embed(self, body: Mapping[str, Any]) -> Json:
        """Answer POST /v1/embeddings."""
        asked = read_body(EmbeddingsBody, body)
        network = self.models.find(asked.model).network
        return embedding_list(embedded(asked, network, self.models.tokenizer), asked)

    def close(self) -> None:
        """Cancel what is queued or running and end the threads."""
        self.batches.close()
        self.jobs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _chat_reply(self, body: ChatBody) -> wire.Reply:
        network = self.models.find(body.model).network
        question = chat_question(body, self.models.tokenizer, network.config.context)
        answered = (tuple(answers(network, self.models.tokenizer, question)),)
        return wire.Reply(new_id("chatcmpl-"), self._now, body.model, (question,), answered)

    def _text_reply(self, body: TextBody) -> wire.Reply:
        network = self.models.find(body.model).network
        tokenizer = self.models.tokenizer
        questions = tuple(text_questions(body, tokenizer, network.config.context))
        answered = tuple(tuple(answers(network, tokenizer, one)) for one in questions)
        return wire.Reply(new_id("cmpl-"), self._now, body.model, questions, answered)

    @property
    def _now(self) -> int:
        return int(self._clock())


def with_usage(chunks: Iterable[Json], reply: wire.Reply, wanted: bool) -> Iterator[Json]:
    """Yield a stream's chunks, and after them one without choices that carries the usage."""
    last: Json = {}
    for chunk in chunks:
        last = chunk
        yield chunk | {"usage": None} if wanted else chunk
    if wanted:
        yield last | {"choices": [], "usage": reply.usage}
