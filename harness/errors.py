"""Every error that a user can meet, in one tree.

    HarnessError                 exit code 2: something the user can repair
    ├── UsageError               a wrong option, name or combination
    ├── RegistryError            a YAML file, an alias or a name in the registry
    │   └── UnknownName              a name that no registry declares
    ├── DatasetError             a samples or training file, a line in it
    ├── ExtensionError           what another package adds cannot be used
    ├── RunFolderError           a journal or run folder that cannot be used as asked
    │   └── RunRefused               the folder is another's, or in use: nothing was begun
    ├── RunStopped               a signal ended the run; its journal is kept
    └── ProviderError            a server or model that did not answer as it should
        ├── ServerUnreachable        nothing listens, connection broken
        │   └── TimedOut                 no whole answer in time
        ├── AuthenticationFailed     wrong or missing key: stops the run
        ├── ModelNotFound            unknown model: stops the run
        ├── QuotaExhausted           the account is out of credit: stops the run
        ├── WrongAddress             no such API at this URL: stops the run
        ├── ServerDown               nobody is answered any more: stops the run
        ├── RequestRejected          the server refuses this request (400, 413, 422)
        ├── RateLimited              429, with the wait that the server asks for
        ├── ServerFailed             5xx
        │   └── ServerOverloaded         503 and the like, with the wait that it asks for
        ├── CostCapReached           the run has cost what it may: stops the run
        ├── NotRecorded              a replayed file has no answer to this request
        ├── BatchExpired             a batch's time was over before this request's turn
        ├── BatchCancelled           someone cancelled a batch: stops the run
        ├── Unanswered               no batch brought an answer, however often it was sent
        └── BadResponse              an answer that is not what the API promises
            ├── NoText                   a choice without text, and would be again
            ├── BadVectors               embeddings that are none: too few, NaN, other lengths
            └── TooFewChoices            fewer choices than asked for; carries those that came

Foreign errors are translated once, where they enter, with ``raise ... from``.
A message names the file, the thing and the repair, on one line.
"""

from __future__ import annotations

from collections.abc import Iterable


class HarnessError(Exception):
    """Something went wrong that the user can repair; ``str(error)`` says how."""


class UsageError(HarnessError):
    """A wrong option, name or combination of options."""


class RegistryError(HarnessError):
    """A registry file, alias or name that cannot be used."""


class UnknownName(RegistryError):
    """A name or pattern that no registry declares."""


class DatasetError(HarnessError):
    """A samples or training file that cannot be read as asked."""


class ExtensionError(HarnessError):
    """Something that an installed package adds, and that cannot be used."""


class RunFolderError(HarnessError):
    """A run folder or journal that cannot be used as asked."""


class RunRefused(RunFolderError):
    """A folder in which no run was begun: it holds another one, or another process writes it."""


class RunStopped(HarnessError):
    """A signal ended the run before its end; what was answered is in the journal."""


class ProviderError(HarnessError):
    """A model or server that did not answer as it should.

    ``retryable`` says whether the same request can succeed later; ``fatal`` whether
    no other request of the run can succeed either; ``kind`` is the stable name that
    journals and reports carry.
    """

    kind = "provider"
    retryable = False
    fatal = False


class ServerUnreachable(ProviderError):
    """Nothing listens, the connection broke, or the answer took too long."""

    kind = "unreachable"
    retryable = True


class TimedOut(ServerUnreachable):
    """No whole answer came in time."""


class AuthenticationFailed(ProviderError):
    """The key is missing or wrong."""

    kind = "authentication"
    fatal = True


class ModelNotFound(ProviderError):
    """The server does not know the model."""

    kind = "unknown_model"
    fatal = True


class QuotaExhausted(ProviderError):
    """The account has no credit left."""

    kind = "quota"
    fatal = True


class WrongAddress(ProviderError):
    """Something answers at the URL, but not the API: a web page, another path, a redirect."""

    kind = "wrong_address"
    fatal = True


class ServerDown(ProviderError):
    """One request after the other got no answer: the server is gone, not a sample broken."""

    kind = "server_down"
    fatal = True


class RequestRejected(ProviderError):
    """The server refuses this request, and would again."""

    kind = "rejected"


class RateLimited(ProviderError):
    """Too many requests; ``retry_after_s`` is the wait that the server asks for, if any."""

    kind = "rate_limited"
    retryable = True

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ServerFailed(ProviderError):
    """The server failed (5xx)."""

    kind = "server_failed"
    retryable = True


class ServerOverloaded(ServerFailed):
    """The server has too much to do; ``retry_after_s`` is the wait that it asks for, if any."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class CostCapReached(ProviderError):
    """The run has cost what it may: nothing more is sent, what is under way is taken in."""

    kind = "cost_cap"
    fatal = True


class NotRecorded(ProviderError):
    """A file of recorded answers has none to this request."""

    kind = "not_recorded"


class BatchExpired(ProviderError):
    """The window of a batch ended before this request was reached."""

    kind = "batch_expired"
    retryable = True


class BatchCancelled(ProviderError):
    """Someone cancelled the batch before this request was reached; only they can want it again."""

    kind = "batch_cancelled"
    fatal = True


class Unanswered(ProviderError):
    """No batch brought an answer to this request; ``kind`` is that of the last one's error."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class BadResponse(ProviderError):
    """The answer is not what the API promises: HTML, broken JSON, too few choices."""

    kind = "bad_response"
    retryable = True


class NoText(BadResponse):
    """The choices hold no text (a tool call, a filter, no tokens left); asking again costs."""

    kind = "no_text"
    retryable = False


class BadVectors(BadResponse):
    """What came is not one vector of finite numbers for each text, all of one length."""

    kind = "bad_vectors"
    retryable = False


class TooFewChoices(BadResponse):
    """Fewer choices came than asked for; ``completions`` are those that came."""

    kind = "too_few_choices"
    retryable = False

    def __init__(self, message: str, completions: tuple[object, ...]) -> None:
        super().__init__(message)
        self.completions = completions


def is_for_good(kind: str) -> bool:
    """Would a failure of this kind, or a judge's of it, be the same if asked again?"""
    return kind.removeprefix("judge_") in {RequestRejected.kind, NotRecorded.kind}


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The repair for a mistyped name, to stand behind a message; "" when nothing is near."""
    from difflib import get_close_matches

    names = sorted(set(known))
    near = get_close_matches(name, names, n=3, cutoff=0.6)
    if near:
        return f"; did you mean {' or '.join(map(repr, near))}?"
    return f"; known are {', '.join(names)}" if 0 < len(names) <= 12 else ""
