"""A stream read in the background, so that who waits for it can stop, and the service notices."""

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from contextvars import ContextVar
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")


class Listener(Thread, Generic[T]):
    """Reads a stream in a thread of its own.

    Args:
        stream: what is read; is given an event that is set when nobody listens any more.
    """

    def __init__(self, stream: Callable[[Event], Iterator[T]]) -> None:
        super().__init__(name="language model", daemon=True)
        self.heard: SimpleQueue[T | Exception | None] = SimpleQueue()
        """Items of the stream; at its end None, or what went wrong."""
        self._stream = stream
        self._stopped = Event()
        self._line = _Line()

    def run(self) -> None:
        """See `threading.Thread.run`."""
        _line.set(self._line)
        try:
            for item in self._stream(self._stopped):
                # A connection that was cut is read to its end, which is near: so it is closed.
                if self._stopped.is_set() and not self._line.cut():
                    break
                self.heard.put(item)
            self.heard.put(None)
        except Exception as error:  # of any library: told to who listens
            self.heard.put(error)
        finally:
            self._line.close()

    def stop(self) -> None:
        """Ends the connection, if it is of a client made with `cuttable`; else after one item."""
        self._stopped.set()
        self._line.cut()


def cuttable() -> dict[str, Any]:
    """Arguments that make an `httpx.Client` such a one."""
    import httpx

    def watch(request: "httpx.Request") -> None:
        line = _line.get()
        if line is not None:
            request.extensions["trace"] = line.trace

    return {
        "event_hooks": {"request": [watch]},
        # A connection kept from before is not opened, so not seen; and its server may be gone.
        "limits": httpx.Limits(max_keepalive_connections=0),
        "follow_redirects": False,  # what is sent goes to the address named, or nowhere
    }


def http_client(timeout: float) -> "httpx.Client":
    """A client whose connections `Listener.stop` ends at once.

    Args:
        timeout: seconds without a sign of life.
    """
    import httpx

    return httpx.Client(**cuttable(), timeout=timeout)


class _Line:
    """The connection of one stream, so that another thread can end it.

    Closing the stream is not enough: OpenAI's client lets the connection live until its objects,
    which refer to each other, are collected, and all the while the model writes on. Nor does
    closing a socket wake the thread that reads from it. Shutting it down does both.
    """

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._is_cut = False
        self._lock = Lock()

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Is told by httpx what it does; keeps the socket."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            with self._lock:
                self._socket = info["return_value"].get_extra_info("socket")
            if self._is_cut:
                self.cut()

    def cut(self) -> bool:
        """Ends the connection, from any thread; False when none is known."""
        with self._lock:
            self._is_cut = True
            if self._socket is None:
                return False
            with suppress(OSError):  # it has ended by itself
                # The plain socket's: over TLS it would first speak with the other side.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
            return True

    def close(self) -> None:
        """Ends the connection when nobody reads from it any more."""
        if self.cut() and self._socket is not None:
            self._socket.close()


_line: ContextVar[_Line | None] = ContextVar("line", default=None)
