"""One HTTP exchange as `fetch` promises it, on checked connections; the adapter of httpcore2."""

import gzip
import io
import socket
import ssl
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from queue import Empty, SimpleQueue
from threading import Thread

import httpcore2  # this module is itself imported on use: 50 ms

from assistant.errors import ArticleError
from assistant.sources.remote.addresses import BY_HAND, Target, check_addresses, is_ip

AGENT = "news-assistant"
"""The name by which robots.txt files may speak of this program."""

LATER = "try again later"

_BROKEN = (httpcore2.NetworkError, httpcore2.ProtocolError, EOFError, gzip.BadGzipFile, zlib.error)


class UnreachableError(ArticleError):
    """Nothing answered: the site is away, or the way to it."""


def _resolve(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _connect(address: str, port: int, timeout: float) -> httpcore2.NetworkStream:
    return httpcore2.SyncBackend().connect_tcp(address, port, timeout)


@dataclass(frozen=True)
class Network:
    """The program's access to the network, without any checks. Tests replace it."""

    resolve: Callable[[str, int], Sequence[str]] = _resolve
    """(name, port) to IP addresses, best first; raises OSError if the name has none."""
    connect: Callable[[str, int, float], httpcore2.NetworkStream] = (
        httpcore2.SyncBackend().connect_tcp
    )
    """(checked IP address, port, seconds) to a connection; raises httpcore2.NetworkError."""
    trust: Callable[[], ssl.SSLContext] = httpcore2.default_ssl_context
    """The certificates to trust: those of the operating system."""


@dataclass(frozen=True)
class Limits:
    """What a fetch may do and take, over all its redirects."""

    max_bytes: int
    timeout: float
    """Seconds from its start to `deadline`, for messages."""
    deadline: float
    """On the monotonic clock."""
    allow_private: bool
    network: Network

    @property
    def left(self) -> float:
        """Seconds until the deadline."""
        seconds = self.deadline - time.monotonic()
        if seconds <= 0:
            raise httpcore2.ReadTimeout("the deadline is over")
        return seconds


@dataclass(frozen=True)
class Response:
    """The answer of a site."""

    status: int
    headers: Mapping[str, str]
    """The first of each name; names in lower case."""
    content: bytes
    """Unpacked; empty unless the status is 200."""
    public: bool
    """It came from the public internet."""


def request(
    target: Target, condition: Mapping[str, str], limits: Limits, *, came_from_web: bool
) -> Response:
    """The response of a target.

    Args:
        condition: headers that allow the answer that nothing has changed.
        came_from_web: a public site led here, so private addresses are refused.

    Raises:
        UnreachableError: nothing answers.
        ArticleError: its addresses are refused, or its answer is broken, too large or too slow.
    """
    headers = [
        ("Host", target.authority),
        ("User-Agent", f"{AGENT}/{version(AGENT)}"),
        ("Accept", "text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8"),
        ("Accept-Encoding", "gzip"),
        *condition.items(),
    ]
    address = httpcore2.URL(
        scheme=target.scheme, host=target.host, port=target.port, target=target.path
    )
    with _explained(target.url, limits.timeout):
        addresses = _look_up(target, limits)
        public = check_addresses(
            target, addresses, allow_private=limits.allow_private, came_from_web=came_from_web
        )
        trust = limits.network.trust() if target.scheme == "https" else None
        with (
            httpcore2.ConnectionPool(trust, network_backend=_Checked(addresses, limits)) as pool,
            pool.stream("GET", address, headers=headers) as response,
        ):
            given = {
                _header(name).lower(): _header(value) for name, value in reversed(response.headers)
            }
            content = b""
            if response.status == 200:
                content = _body(response.iter_stream(), given, target.url, limits.max_bytes)
            return Response(response.status, given, content, public)


def _look_up(target: Target, limits: Limits) -> Sequence[str]:
    """The addresses of a host. In a thread: a name server may take longer than the deadline."""
    if is_ip(target.host):
        return [target.host]
    results: SimpleQueue[Sequence[str]] = SimpleQueue()

    def resolve() -> None:
        try:
            results.put(limits.network.resolve(target.host, target.port))
        except OSError:
            results.put(())

    Thread(target=resolve, daemon=True, name="name server").start()
    try:
        found = results.get(timeout=limits.left)
    except Empty as error:
        raise httpcore2.ConnectTimeout("the name server is silent") from error
    if not found:
        remedy = "check its spelling and the connection to the internet"
        raise UnreachableError(target.url, "names a site that is not found", remedy)
    return found


class _Checked(httpcore2.NetworkBackend):
    """Connects to the checked addresses, whatever name it is given."""

    def __init__(self, addresses: Sequence[str], limits: Limits) -> None:
        self._addresses = addresses
        self._limits = limits

    def connect_tcp(self, host: str, port: int, *_: object, **__: object) -> "_Deadline":
        """The first connection that succeeds; each address gets its share of the time."""
        failure: Exception = httpcore2.ConnectError("no address")
        for tried, address in enumerate(self._addresses):
            share = self._limits.left / (len(self._addresses) - tried)
            try:
                return _Deadline(self._limits.network.connect(address, port, share), self._limits)
            except (httpcore2.NetworkError, httpcore2.TimeoutException) as error:
                failure = error
        raise failure


class _Deadline(httpcore2.NetworkStream):
    """A connection on which nothing waits beyond the deadline."""

    def __init__(self, stream: httpcore2.NetworkStream, limits: Limits) -> None:
        self._stream = stream
        self._limits = limits

    def read(self, max_bytes: int, *_: object, **__: object) -> bytes:
        return self._stream.read(max_bytes, self._limits.left)

    def write(self, buffer: bytes, *_: object, **__: object) -> None:
        self._stream.write(buffer, self._limits.left)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        *_: object,
        **__: object,
    ) -> "_Deadline":
        stream = self._stream.start_tls(ssl_context, server_hostname, self._limits.left)
        return _Deadline(stream, self._limits)

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)


def _header(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _body(chunks: Iterable[bytes], headers: Mapping[str, str], url: str, max_bytes: int) -> bytes:
    coding = headers.get("content-encoding", "").strip().lower()
    if coding not in ("", "identity", "gzip", "x-gzip"):
        raise ArticleError(url, f"is packed as {coding[:40]}, which was not asked for", BY_HAND)
    most = f"{max_bytes / (1 << 20):.3g} MB"
    excess = ArticleError(url, f"has more than {most}", "raise max_file_mb")
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > max_bytes:
        raise excess
    received = bytearray()
    for chunk in chunks:
        received += chunk
        if len(received) > max_bytes:
            raise excess
    if not coding.endswith("gzip"):
        return bytes(received)
    content = gzip.GzipFile(fileobj=io.BytesIO(received)).read(max_bytes + 1)
    if len(content) > max_bytes:
        raise excess
    return content


@contextmanager
def _explained(url: str, timeout: float) -> Iterator[None]:
    """Translates the errors of an exchange into ours."""
    try:
        yield
    except httpcore2.TimeoutException as error:
        problem, remedy = f"takes longer than {timeout:g} seconds", f"{LATER}, or allow more time"
        raise UnreachableError(url, problem, remedy) from error
    except httpcore2.ConnectError as error:
        cause = next(iter(error.args), None)
        if isinstance(cause, ssl.SSLError):
            reason = getattr(cause, "verify_message", "") or "no secure connection"
            problem = f"cannot prove that it is the site ({reason})"
            raise ArticleError(url, problem, "check the address") from error
        remedy = f"check the address and the connection, or {LATER}"
        raise UnreachableError(url, "cannot be reached", remedy) from error
    except _BROKEN as error:
        reason = " ".join(str(error).split())[:120]
        raise ArticleError(url, f"gives an answer that is broken ({reason})", LATER) from error
