"""The web for tests: sites on real sockets that play every trick, and an internet to find them on.

    web.at("/a", page("<p>Hello"))                      # bytes are sent as they are
    web.at("/b", redirect("/a"), page("other"))         # then that one, which stays
    web.at("/c", head(), event, b"late")                # waits until the event is set
    web.at("/d", head(), forever(b"x"))                 # an iterator is sent until the client leaves

    internet = Internet({"news.example": ["93.184.216.34"]}, {"93.184.216.34": web})
    fetch("http://news.example/a", network=internet.network)

`Internet` knows nothing of what is allowed: it connects wherever it is told to, and writes it down.
"""

import socketserver
import ssl
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import repeat
from threading import Event, Thread

import httpcore2

from assistant.sources.remote.transport import Network

Step = bytes | Event | Iterator[bytes]


@dataclass(frozen=True)
class Reply:
    """What a request gets, piece by piece; then the connection is closed."""

    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Request:
    path: str
    headers: dict[str, str]
    """With names in lower case."""


def head(status: int | str = 200, content_type: str | None = "text/html", **headers: str) -> bytes:
    """A status line and headers: ``head(304, etag='"1"')``."""
    given = {"content-type": content_type, **headers}
    lines = [f"{k.replace('_', '-')}: {v}\r\n" for k, v in given.items() if v is not None]
    return f"HTTP/1.1 {status} x\r\n{''.join(lines)}\r\n".encode()


def page(
    body: str | bytes = "<html><p>Hello",
    content_type: str | None = "text/html",
    status: int = 200,
    **headers: str,
) -> Reply:
    """A whole answer."""
    content = body if isinstance(body, bytes) else body.encode()
    length = {"content_length": str(len(content))} | headers
    return Reply((head(status, content_type, **length) + content,))


def redirect(location: str | None, status: int = 302, **headers: str) -> Reply:
    """An answer that sends on."""
    if location is not None:
        headers["location"] = location
    return Reply((head(status, None, content_length="0", **headers),))


def forever(data: bytes) -> Iterator[bytes]:
    """As fast as the client takes it."""
    return repeat(data)


@dataclass
class WebServer:
    """A site; use it as a context manager."""

    tls: ssl.SSLContext | None = None
    greeting: bytes = b""
    """What it says before it is asked, as servers of other protocols do."""
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.closing = Event()
        self._replies: defaultdict[str, deque[Reply]] = defaultdict(deque)
        self._tcp = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Handler)
        self._tcp.site = self
        self._tcp.daemon_threads = False  # joined at the end: none outlives its test
        self._thread = Thread(target=self._tcp.serve_forever, kwargs={"poll_interval": 0.002})
        self._thread.start()

    def __enter__(self) -> "WebServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._tcp.shutdown()
        self._tcp.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        return self._tcp.server_address[1]

    @property
    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [request.path for request in self.requests]

    def at(self, path: str, *replies: Reply | Step) -> None:
        """Scripts what requests for a path get, one after the other; the last one stays.

        Pieces that are no replies make up one together.
        """
        if not isinstance(replies[0], Reply):
            replies = (Reply(replies),)
        self._replies[path] = deque(replies)

    def drip(self, data: bytes) -> Iterator[bytes]:
        """The data again and again, a hundred times a second, until the server is closed."""
        while not self.closing.wait(0.01):
            yield data

    def reply_to(self, request: Request) -> Reply:
        self.requests.append(request)
        replies = self._replies.get(request.path)
        if not replies:
            return page("nothing here", status=404)
        return replies.popleft() if len(replies) > 1 else replies[0]


class _Handler(socketserver.StreamRequestHandler):
    def setup(self) -> None:
        self.site: WebServer = self.server.site
        self.request.settimeout(10)  # nothing takes that long: a broken test ends
        super().setup()

    def handle(self) -> None:
        with suppress(OSError):  # the client has left
            if self.site.tls is not None:
                self.request = self.site.tls.wrap_socket(self.request, server_side=True)
                self.rfile = self.request.makefile("rb")
            self.request.sendall(self.site.greeting)
            request = self._read()
            for step in self.site.reply_to(request).steps if request else ():
                self._send(step)

    def finish(self) -> None:
        with suppress(OSError):
            super().finish()
        self.request.close()

    def _read(self) -> Request | None:
        line = self.rfile.readline().decode("latin-1").split()
        headers = {}
        while header := self.rfile.readline().decode("latin-1").strip():
            name, _, value = header.partition(":")
            headers[name.lower()] = value.strip()
        return Request(line[1], headers) if line else None

    def _send(self, step: Step) -> None:
        if isinstance(step, Event):
            while not step.wait(0.01) and not self.site.closing.is_set():
                pass
            return
        for data in [step] if isinstance(step, bytes) else step:
            self.request.sendall(data)


@dataclass
class Internet:
    """Names, addresses and the sites at them.

    Args:
        names: the addresses that a name has; as a deque, those of one question after the other.
        sites: the site at an address, whatever the port.
        trust: makes the context that checks certificates.
    """

    names: dict[str, Sequence[str] | deque[Sequence[str]]] = field(default_factory=dict)
    sites: dict[str, WebServer] = field(default_factory=dict)
    trust: Callable[[], ssl.SSLContext] = ssl.create_default_context
    resolved: list[str] = field(default_factory=list)
    connected: list[tuple[str, int]] = field(default_factory=list)

    @property
    def network(self) -> Network:
        return Network(self._resolve, self._connect, self.trust)

    def _resolve(self, host: str, port: int) -> Sequence[str]:
        self.resolved.append(host)
        addresses = self.names.get(host)
        if addresses is None:
            raise OSError("no such name")
        return addresses.popleft() if isinstance(addresses, deque) else addresses

    def _connect(self, address: str, port: int, timeout: float) -> httpcore2.NetworkStream:
        self.connected.append((address, port))
        if address not in self.sites:
            raise httpcore2.ConnectError("nobody there")
        local = self.sites[address].port
        return httpcore2.SyncBackend().connect_tcp("127.0.0.1", local, timeout)
