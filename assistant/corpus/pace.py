"""How often a followed feed or folder is looked at, and when following ends."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from assistant.errors import Stopped
from assistant.schema import ShowWaiting


@dataclass(frozen=True)
class Pace:
    """How a feed or a folder is followed, until it is stopped."""

    stop: threading.Event = field(default_factory=threading.Event)
    """Ends it when set."""
    every: float | None = None
    """Seconds between two requests to a feed; half an hour unless given, and longer where the feed
    or its site says so."""
    clock: Callable[[], float] = time.time
    """Seconds since the epoch."""
    sleep: Callable[[float], object] | None = None
    """Waits for so many seconds; unless given, `stop` ends the waiting."""
    waiting: ShowWaiting | None = None
    """Called about twice a second while another process is indexing."""

    def wait(self, seconds: float) -> None:
        """Waits for so many seconds, or until `stop` is set.

        Raises:
            Stopped: `stop` is set.
        """
        (self.sleep or self.stop.wait)(seconds)
        self.go_on()

    def go_on(self, *_: object) -> None:
        """Returns if following goes on; called wherever it may end.

        Raises:
            Stopped: `stop` is set.
        """
        if self.stop.is_set():
            raise Stopped

    def wait_for_writer(self, message: str) -> None:
        """Passes on how far another process is with indexing; called while it is waited for.

        Raises:
            Stopped: `stop` is set.
        """
        self.go_on()
        if self.waiting is not None:
            self.waiting(message)
