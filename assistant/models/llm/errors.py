"""What went wrong at the service of a language model, in words for people.

Errors are recognised by status codes and by the classes of their causes, because wordings change;
no client is imported for that. No client's error text leaves this module with the key in it.
"""

import json
import math
import re
import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from assistant.errors import LanguageModelError

PAUSE = 0.3
LONGEST_PAUSE = 5.0
"""Seconds before a service that was busy or lost the connection is asked once more: by default, and
the most that it may ask for. A person decides whether to wait longer."""

LONGEST_MESSAGE = 200
"""Characters of a service's own words that are passed on."""

_RETRY = "try again; if it stays so, the log of the service says why"
_WRONG_KIND = "check that llm_url leads to a service of the kind that llm names"
_CHECK = "check llm_model, llm_url, and that llm_context is what the model reads"
_SET_CONTEXT = "set llm_context to the tokens that the model reads and writes together"

SAID_NOTHING = "ended without a word", f"{_WRONG_KIND}, and that it can stream"
ONLY_THOUGHT = (
    "used up its tokens before the first word",
    "let it think less, or raise the limit of the service",
)
WITHHELD = "its service withheld the answer", "ask in other words, or take another model"
ENDLESS = "does not stop writing", "take another model"
BROKEN_OFF = "the connection broke in mid-answer", _RETRY
"""Problems and remedies of answers that came without an error."""

_TRANSIENT = {429, 500, 502, 503, 504, 529}

_MEANT = {
    "context_length_exceeded": 413,
    "exceed_context_size_error": 413,
    "request_too_large": 413,
    "insufficient_quota": 402,
    "billing_error": 402,
}
"""The status that says what a code means: services send these with 400, 429 or 500."""

_STATUS_OF_TYPE = {"rate_limit_error": 429, "api_error": 500, "overloaded_error": 529}
"""Statuses of errors that Anthropic reports in the middle of an answer."""


@dataclass(frozen=True)
class Service:
    """Where a model is, and what an error about it may and may not say."""

    model: str
    url: str = field(default="", repr=False)
    key: str = "the key"
    """The environment variable that holds it."""
    patience: float = 60.0
    """Seconds to wait for the next words before it counts as failed."""
    secret: str = field(default="", repr=False)
    """The key itself; removed from what the service says."""
    obtain: str = "set llm_model to a model that the service has, and check llm_url"
    """What to do when it has no such model."""

    @property
    def subject(self) -> str:
        """What an error is about; without the user, password and query of the address."""
        if not self.url:
            return self.model
        parts = urlsplit(self.url)
        host = parts.netloc.rpartition("@")[2]
        return f"{self.model} at {parts.scheme}://{host}{parts.path.rstrip('/')}"

    def error(self, problem: str, remedy: str) -> LanguageModelError:
        """An error about the model."""
        return LanguageModelError(self.subject, problem, remedy)


def failure(error: Exception, service: Service, *, begun: bool) -> LanguageModelError:
    """What went wrong.

    Args:
        error: of the client, or of what lies below it.
        begun: words had come before it.
    """
    status = status_of(error)
    if status is None:
        return service.error(*_without_status(error, service, begun=begun))
    return service.error(*_with_status(error, status, service))


def pause_after(error: Exception) -> float | None:
    """Seconds after which a request may succeed; None when it will not, or not soon."""
    status = status_of(error)
    if status is None:
        return PAUSE if _cause(error) == "lost" else None
    if status not in _TRANSIENT or _meaning(error, status) == 402:
        return None
    asked = _retry_after(error)
    pause = PAUSE if asked is None else asked
    return pause if pause <= LONGEST_PAUSE else None


def status_of(error: Exception) -> int | None:
    """The HTTP status; for an error in the middle of an answer, the one that its body names."""
    body = body_of(error)
    found = [getattr(cause, "status_code", None) for cause in _causes(error)]
    found += [body.get("code"), _STATUS_OF_TYPE.get(str(body.get("type")))]
    return next((n for n in found if isinstance(n, int) and 300 <= n < 600), None)


def _meaning(error: Exception, status: int) -> int:
    """The status that says what the service's code means; its own where there is no such code."""
    body = body_of(error)
    codes = str(body.get("code")), str(body.get("type"))
    return next((_MEANT[code] for code in codes if code in _MEANT), status)


def body_of(error: Exception) -> Mapping[str, Any]:
    """What the service says about its error: mostly a message, a type and a code."""
    for cause in _causes(error):
        body = getattr(cause, "body", None)
        while isinstance(body, Mapping) and isinstance(body.get("error"), Mapping):
            body = body["error"]
        if isinstance(body, Mapping):
            return body
        if isinstance(getattr(cause, "error", None), str):  # Ollama's client keeps the message here
            return {"message": getattr(cause, "error", "")}
    return {}


def _with_status(error: Exception, status: int, service: Service) -> tuple[str, str]:
    """Problem and remedy when the service answered with an error."""
    status, says, seconds = _meaning(error, status), _says(error, service), _retry_after(error)
    later = None if seconds is None else f"try again in {math.ceil(seconds)} seconds"
    known = {
        401: ("its service does not accept the key", f"put a valid one into {service.key}"),
        402: ("its service has no credit left", "add credit there, or set llm to another service"),
        403: ("its service does not allow this with the key", f"check what {service.key} may use"),
        404: (f"is not there{says}", service.obtain),
        408: ("its service took too long", _RETRY),
        413: ("the question and its passages are too long for it", _SET_CONTEXT),
        429: (f"its service is asked too often{says}", later or "try again in a minute"),
        504: ("its service took too long", _RETRY),
    }
    if status in known:
        return known[status]
    if status < 400:
        return f"its service has moved ({status})", "set llm_url to its new address"
    if status < 500:
        return f"its service refuses the request ({status}){says}", _CHECK
    return f"its service failed ({status}){says}", later or _RETRY


def _without_status(error: Exception, service: Service, *, begun: bool) -> tuple[str, str]:
    """Problem and remedy when no answer came, or not all of it."""
    seconds = f"{service.patience:g} seconds"
    silent = f"fell silent in mid-answer for {seconds}" if begun else f"is silent for {seconds}"
    known = {
        "timeout": (silent, "check that its service is not overloaded, or raise llm_timeout"),
        "refused": ("nothing listens there", "start the service, or correct llm_url"),
        "unknown": ("there is no such host", "correct llm_url, or check the network"),
        "distrusted": ("its certificate is not trusted", "correct llm_url, or set SSL_CERT_FILE"),
        "insecure": ("no secure connection is possible", "correct llm_url: http:// or https://"),
        "lost": BROKEN_OFF if begun else ("the connection broke before an answer", _RETRY),
        "garbled": ("its service sent what is not JSON", _WRONG_KIND),
    }
    cause, says = _cause(error), _says(error, service)
    if cause is not None:
        return known[cause]
    if says:
        return f"its service reports an error{says}", _RETRY
    return f"its service cannot be understood ({type(error).__name__})", _WRONG_KIND


_BROKEN: dict[type | str, str] = {
    TimeoutError: "timeout",
    ConnectionRefusedError: "refused",
    socket.gaierror: "unknown",
    ssl.SSLCertVerificationError: "distrusted",
    ssl.SSLEOFError: "lost",
    ssl.SSLError: "insecure",
    OSError: "lost",  # after its subclasses
    json.JSONDecodeError: "garbled",
    # The clients use two HTTP libraries, which name these errors alike.
    "TimeoutException": "timeout",
    "RemoteProtocolError": "lost",
    "NetworkError": "lost",
}
"""What broke, by the class of the error or of one of its causes; the first entry decides."""


def _cause(error: Exception) -> str | None:
    """What broke; None when that cannot be told."""
    classes = {base for cause in _causes(error) for base in type(cause).__mro__}
    known = classes | {base.__name__ for base in classes}
    return next((broken for kind, broken in _BROKEN.items() if kind in known), None)


def _causes(error: BaseException) -> list[BaseException]:
    """The error, what caused it, and so on."""
    found = [error]
    while (cause := found[-1].__cause__ or found[-1].__context__) and cause not in found:
        found.append(cause)
    return found


_KEY = re.compile(r"\b(?:sk|pk|api|key)[-_][\w*.-]{8,}|\bBearer\s+\S+", re.IGNORECASE)
"""What looks like a key, or like a part of one."""


def _says(error: Exception, service: Service) -> str:
    """The service's own words, on one line and without the key; empty when it gives none."""
    message = body_of(error).get("message")
    if not isinstance(message, str) or not message.strip():
        return ""
    if service.secret:
        message = message.replace(service.secret, "…")
    line = _KEY.sub("…", " ".join(message.split()))
    if len(line) > LONGEST_MESSAGE:
        line = f"{line[:LONGEST_MESSAGE]}…"
    return f" (it says: {line})"


def _retry_after(error: Exception) -> float | None:
    """Seconds to wait, as the service's header Retry-After says; None without one."""
    headers = (getattr(getattr(cause, "response", None), "headers", {}) for cause in _causes(error))
    header = next(filter(None, (one.get("retry-after") for one in headers)), "")
    with suppress(ValueError):
        seconds = float(header)
        return seconds if math.isfinite(seconds) and seconds >= 0 else None
    with suppress(ValueError):
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    return None
