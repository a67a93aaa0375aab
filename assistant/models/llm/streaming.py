"""Streams read in the background, so that their consumer can stop and the service notices."""

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from queue import SimpleQueue
from threading import Event, Lock, Thread, current_thread
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")


class StreamReader(Thread, Generic[T]):
    """A thread that reads a stream into a queue, and whose connection another thread can end.

    Closing the stream is not enough: OpenAI's client lets the connection live until its objects,
    which refer to each other, are collected, and all the while the model writes on. Nor does
    closing a socket wake the thread that reads from it. Shutting it down does both.

    Args:
        stream: makes what is read; is given an event that is set when reading is stopped.
    """

    def __init__(self, stream: Callable[[Event], Iterator[T]]) -> None:
        super().__init__(name="language model", daemon=True)
        self.items: SimpleQueue[T | Exception | None] = SimpleQueue()
        """Items of the stream; at its end None, or what went wrong."""
        self._stream = stream
        self._stopped = Event()
        self._socket: socket.socket | None = None
        self._lock = Lock()

    def run(self) -> None:
        try:
            for item in self._stream(self._stopped):
                # A connection that was shut down is read to its end, which is near, and so closed.
                if self._stopped.is_set() and self._socket is None:
                    break
                self.items.put(item)
            self.items.put(None)
        except Exception as error:  # of any library; raised again by the consumer
            self.items.put(error)
        finally:
            self.stop()
            if self._socket is not None:
                self._socket.close()

    def stop(self) -> None:
        """Ends the connection if its client is `interruptible`; else after the next item."""
        self._stopped.set()
        with self._lock, suppress(OSError):  # it has ended by itself
            if self._socket is not None:
                # The plain socket's: over TLS it would first speak with the other side.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Keeps the socket; httpx calls this with each thing that it does."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            with self._lock:
                self._socket = info["return_value"].get_extra_info("socket")
            if self._stopped.is_set():
                self.stop()


def interruptible() -> dict[str, Any]:
    """Arguments of an `httpx.Client` whose connections `StreamReader.stop` ends at once."""
    import httpx

    def watch(request: "httpx.Request") -> None:
        reader = current_thread()
        if isinstance(reader, StreamReader):
            request.extensions["trace"] = reader.trace

    return {
        "event_hooks": {"request": [watch]},
        # A connection kept from before is not opened, so not seen; and its server may be gone.
        "limits": httpx.Limits(max_keepalive_connections=0),
        "follow_redirects": False,  # what is sent goes to the address named, or nowhere
    }
