"""Pages and files from the web, fetched so that no address can do harm; the door to httpcore2.

Addresses come from strangers: from feeds, from redirects, from a link that somebody was sent. So

- only ``http`` and ``https``, no user names and passwords, and the ports 80 and 443 only, unless
  private addresses are allowed (then any);
- a name is resolved once, every address it has is checked, and the connection goes to one of those
  very addresses: a name server that changes its mind (DNS rebinding) gains nothing. TLS and the
  ``Host`` header keep the name. All of it anew for each of at most `MAX_REDIRECTS` redirects;
- where private addresses are allowed, the web still cannot redirect into them;
- a redirect from https to http is refused: the text would be cited as the site's, and anybody on
  the way could have written it;
- one deadline over all of it, names and redirects included, however slowly bytes trickle;
- one limit on the bytes received and on the bytes unpacked. Only gzip is asked for and unpacked, in
  pieces, so a bomb ends at the limit. Headers have 100 KB in all (httpcore2's limit);
- no cookies, no proxies, no credentials, nothing from the environment.

Not promised: a machine of one's own network that has a public address is fetched like any other.
"""

import gzip
import io
import re
import socket
import ssl
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from ipaddress import ip_address
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

import httpcore2  # this module is itself imported on use: 50 ms

from assistant.errors import ArticleError
from assistant.sources.remote.addresses import (
    Target,
    check_addresses,
    is_public,
    parse_target,
    redirected,
    shown,
)
from assistant.sources.remote.kinds import TEXTS, parse_content_type, suffix_of, to_utf8

AGENT = "news-assistant"
"""The name by which robots.txt files may speak of this program."""

MAX_BYTES = 20 << 20
TIMEOUT = 20.0
MAX_REDIRECTS = 5

_BY_HAND = "open it in a browser, save the page and add the file"
_LATER = "try again later"


class StatusError(ArticleError):
    """The site answered, but not with the page.

    Attributes:
        status: the HTTP status.
        retry_after: seconds that the site wants to be left alone; None when it does not say.
    """

    def __init__(self, url: str, status: int, retry_after: float | None = None) -> None:
        self.status = status
        self.retry_after = retry_after
        super().__init__(url, *_refusal(status))


class UnreachableError(ArticleError):
    """Nothing answered: the site is away, or the way to it."""


def _resolve(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _connect(address: str, port: int, timeout: float) -> httpcore2.NetworkStream:
    return httpcore2.SyncBackend().connect_tcp(address, port, timeout)


@dataclass(frozen=True)
class Network:
    """The ways out of the program. Tests put their own in place; no check is in them."""

    resolve: Callable[[str, int], Sequence[str]] = _resolve
    """(name, port) to IP addresses, best first; raises OSError when the name has none."""
    connect: Callable[[str, int, float], httpcore2.NetworkStream] = _connect
    """(checked IP address, port, seconds) to a connection; raises httpcore2.NetworkError."""
    trust: Callable[[], ssl.SSLContext] = httpcore2.default_ssl_context
    """Whose certificates are valid: those that the operating system trusts."""


@dataclass(frozen=True)
class Fetched:
    """What an address gave."""

    url: str
    """As it was asked for."""
    final_url: str
    """Where the redirects ended."""
    content: bytes = field(repr=False)
    """Unpacked; empty when not modified."""
    content_type: str
    """As the site says it, without parameters; "" when it does not say."""
    suffix: str
    """The ending of a file with this content: ``.html``, ``.pdf``, ``.xml`` …"""
    charset: str | None = None
    """Python's name of the encoding that the site says the text has."""
    etag: str | None = None
    last_modified: str | None = None
    max_age: float | None = None
    """Seconds that the site says it stays as it is."""
    not_modified: bool = False
    """It is as it was when it had the given etag or date of modification."""
    private: bool = False
    """It came from a private address. Links in what came from elsewhere should not be fetched with
    `allow_private`."""

    def utf8(self) -> bytes:
        """The content to parse: text as UTF-8 where the site's charset is needed to read it."""
        return to_utf8(self.content, self.charset) if self.suffix in TEXTS else self.content


@dataclass(frozen=True)
class _Asked:
    url: str
    max_bytes: int
    timeout: float
    deadline: float
    allow_private: bool
    condition: Mapping[str, str]
    network: Network

    @property
    def left(self) -> float:
        """Seconds until the deadline."""
        seconds = self.deadline - time.monotonic()
        if seconds <= 0:
            raise httpcore2.ReadTimeout("the deadline is over")
        return seconds


@dataclass(frozen=True)
class _Response:
    status: int
    headers: Mapping[str, str]
    content: bytes


def fetch(
    url: str,
    *,
    max_bytes: int = MAX_BYTES,
    timeout: float = TIMEOUT,
    allow_private: bool = False,
    etag: str | None = None,
    modified: str | None = None,
    network: Network | None = None,
) -> Fetched:
    """What is at an address of the web.

    Args:
        max_bytes: most that is received, and most that it unpacks to.
        timeout: seconds for all of it.
        allow_private: private, loopback and link-local addresses may be fetched, from any port.
        etag: of an earlier answer; with it or `modified`, what has not changed is not sent again.
        modified: `last_modified` of an earlier answer.
        network: takes the place of name server, sockets and trusted certificates.

    Raises:
        StatusError: the site does not give the page.
        UnreachableError: nothing answers.
        ArticleError: the address is refused, the site cannot be reached, or what it gives is too
            large, too slow or of a kind that is not read; names the address and the remedy.
    """
    condition = {"If-None-Match": etag or "", "If-Modified-Since": modified or ""}
    asked = _Asked(
        url, max_bytes, timeout, time.monotonic() + timeout, allow_private,
        {name: value for name, value in condition.items() if value}, network or Network(),
    )  # fmt: skip
    at, came_from_web = url, False
    for hop in range(MAX_REDIRECTS + 1):
        try:
            target = parse_target(at, allow_private=allow_private)
            response, public = _request(target, asked, came_from_web)
            came_from_web = came_from_web or public
            if response.status not in (301, 302, 303, 307, 308):
                return _fetched(asked, target, response, private=not came_from_web)
            at = redirected(target, response.headers.get("location", ""))
        except StatusError:
            raise
        except ArticleError as error:
            if hop == 0:
                raise
            problem = f"leads to {error.subject}, which {error.problem}"
            raise ArticleError(shown(url), problem, error.remedy) from error
    raise ArticleError(shown(url), f"sends on more than {MAX_REDIRECTS} times", _BY_HAND)


# ---- the exchange ---------------------------------------------------------------------------


def _request(target: Target, asked: _Asked, came_from_web: bool) -> tuple[_Response, bool]:
    """The response of a target, and whether it came from the public internet."""
    with _explained(target.url, asked.timeout):
        addresses = _look_up(target, asked)
        check_addresses(
            target, addresses,
            allow_private=asked.allow_private and not came_from_web,
            allowed_before=asked.allow_private,
        )  # fmt: skip
        public = all(is_public(ip_address(address)) for address in addresses)
        return _exchange(target, addresses, asked), public


def _look_up(target: Target, asked: _Asked) -> list[str]:
    """Addresses of a host, in a thread because a name server can take longer than the deadline."""
    try:
        return [str(ip_address(target.host))]
    except ValueError:
        pass
    results: SimpleQueue[Sequence[str] | OSError] = SimpleQueue()

    def resolve() -> None:
        try:
            results.put(asked.network.resolve(target.host, target.port))
        except OSError as error:
            results.put(error)

    Thread(target=resolve, daemon=True, name="name server").start()
    try:
        found = results.get(timeout=asked.left)
    except Empty as error:
        raise httpcore2.ConnectTimeout("the name server is silent") from error
    if isinstance(found, OSError) or not found:
        remedy = "check its spelling and the connection to the internet"
        raise UnreachableError(target.url, "names a site that is not found", remedy) from (
            found if isinstance(found, OSError) else None
        )
    return list(found)


class _Checked(httpcore2.NetworkBackend):
    """Connects to the checked addresses, whatever name it is given."""

    def __init__(self, addresses: Sequence[str], asked: _Asked) -> None:
        self._addresses = addresses
        self._asked = asked

    def connect_tcp(self, host: str, port: int, *_: object, **__: object) -> "_Deadline":
        """The first connection that comes about; each address gets its share of the time."""
        failure: Exception = httpcore2.ConnectError("no address")
        for tried, address in enumerate(self._addresses):
            share = self._asked.left / (len(self._addresses) - tried)
            try:
                return _Deadline(self._asked.network.connect(address, port, share), self._asked)
            except (httpcore2.NetworkError, httpcore2.TimeoutException) as error:
                failure = error
        raise failure


class _Deadline(httpcore2.NetworkStream):
    """A connection on which nothing waits longer than until the deadline."""

    def __init__(self, stream: httpcore2.NetworkStream, asked: _Asked) -> None:
        self._stream = stream
        self._asked = asked

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._asked.left)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._asked.left)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> "_Deadline":
        stream = self._stream.start_tls(ssl_context, server_hostname, self._asked.left)
        return _Deadline(stream, self._asked)

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)


def _exchange(target: Target, addresses: Sequence[str], asked: _Asked) -> _Response:
    headers = [
        ("Host", target.authority),
        ("User-Agent", f"{AGENT}/{version(AGENT)}"),
        ("Accept", "text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8"),
        ("Accept-Encoding", "gzip"),
        *asked.condition.items(),
    ]
    address = httpcore2.URL(
        scheme=target.scheme, host=target.host, port=target.port, target=target.path
    )
    trust = asked.network.trust() if target.scheme == "https" else None
    with (
        httpcore2.ConnectionPool(trust, network_backend=_Checked(addresses, asked)) as pool,
        pool.stream("GET", address, headers=headers) as response,
    ):
        given: dict[str, str] = {}
        for name, value in response.headers:
            given.setdefault(name.decode("latin-1").lower(), _header(value))
        content = b""
        if response.status == 200:
            content = _body(response.iter_stream(), given, target.url, asked.max_bytes)
        return _Response(response.status, given, content)


def _header(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _body(chunks: Iterable[bytes], headers: Mapping[str, str], url: str, max_bytes: int) -> bytes:
    coding = headers.get("content-encoding", "").strip().lower()
    if coding not in ("", "identity", "gzip", "x-gzip"):
        raise ArticleError(url, f"is packed as {coding[:40]}, which was not asked for", _BY_HAND)
    wire = _Wire(iter(chunks), url, max_bytes)
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > max_bytes:
        raise wire.excess
    packed = coding.endswith("gzip")
    stream = io.BufferedReader(wire)
    content = (gzip.GzipFile(fileobj=stream) if packed else stream).read(max_bytes + 1)
    if len(content) > max_bytes:
        raise wire.excess
    return content


class _Wire(io.RawIOBase):
    """The bytes of a body as they arrive, no more of them than the limit."""

    def __init__(self, chunks: Iterator[bytes], url: str, max_bytes: int) -> None:
        self._chunks = chunks
        self._chunk = b""
        self._left = max_bytes
        most = f"{max_bytes / (1 << 20):.3g} MB"
        self.excess = ArticleError(url, f"has more than {most}", "raise max_file_mb")

    def readable(self) -> bool:
        """See `io.IOBase.readable`."""
        return True

    def readinto(self, buffer: Any) -> int:
        """See `io.RawIOBase.readinto`."""
        if not self._chunk:
            self._chunk = next(self._chunks, b"")
            self._left -= len(self._chunk)
            if self._left < 0:
                raise self.excess
        taken = self._chunk[: len(buffer)]
        buffer[: len(taken)] = taken
        self._chunk = self._chunk[len(taken) :]
        return len(taken)


@contextmanager
def _explained(url: str, timeout: float) -> Iterator[None]:
    """What goes wrong on the way, in words for people."""
    try:
        yield
    except httpcore2.TimeoutException as error:
        problem, remedy = f"takes longer than {timeout:g} seconds", f"{_LATER}, or allow more time"
        raise UnreachableError(url, problem, remedy) from error
    except httpcore2.ConnectError as error:
        problem, remedy = "cannot be reached", f"check the address and the connection, or {_LATER}"
        cause = next(iter(error.args), None)
        if isinstance(cause, ssl.SSLError):
            reason = getattr(cause, "verify_message", "") or "no secure connection"
            problem, remedy = f"cannot prove that it is the site ({reason})", "check the address"
            raise ArticleError(url, problem, remedy) from error
        raise UnreachableError(url, problem, remedy) from error
    except (
        httpcore2.NetworkError, httpcore2.ProtocolError, EOFError, gzip.BadGzipFile, zlib.error
    ) as error:  # fmt: skip
        reason = " ".join(str(error).split())[:120]
        raise ArticleError(url, f"gives an answer that is broken ({reason})", _LATER) from error


# ---- the answer -----------------------------------------------------------------------------


def _fetched(asked: _Asked, target: Target, response: _Response, *, private: bool) -> Fetched:
    headers = response.headers
    not_modified = response.status == 304 and bool(asked.condition)
    if response.status != 200 and not not_modified:
        raise StatusError(shown(asked.url), response.status, _retry_after(headers))
    content_type, charset = parse_content_type(headers.get("content-type", ""))
    suffix = "" if not_modified else suffix_of(content_type, charset, response.content, target.url)
    return Fetched(
        url=asked.url,
        final_url=target.url,
        content=response.content,
        content_type=content_type,
        suffix=suffix,
        charset=charset,
        etag=_remembered(headers.get("etag")),
        last_modified=_remembered(headers.get("last-modified")),
        max_age=_max_age(headers.get("cache-control", "")),
        not_modified=not_modified,
        private=private,
    )


def _remembered(value: str | None) -> str | None:
    """A header that is sent back one day: a long one is not worth it."""
    return value if value and len(value) <= 500 and value.isascii() else None


def _max_age(cache_control: str) -> float | None:
    found = re.search(r"(?:^|[\s,])max-age=\"?(\d{1,9})", cache_control.lower())
    return float(found.group(1)) if found else None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}", value):
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())


def _refusal(status: int) -> tuple[str, str]:
    """The problem and its remedy."""
    if status in (404, 410):
        return f"has no page ({status})", "check the address"
    if status in (401, 402, 403, 407, 451):
        return f"is not given to programs, or not without a subscription ({status})", _BY_HAND
    if status == 429:
        return "asks to be left alone for a while (429)", _LATER
    if status >= 500:
        return f"has trouble ({status})", _LATER
    return f"answers with status {status} instead of a page", _BY_HAND
