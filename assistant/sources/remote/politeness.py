"""Whether and when a site may be asked: robots.txt and pauses; the adapter of protego."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from cachetools import TLRUCache

from assistant.errors import ArticleError
from assistant.sources.remote.addresses import BY_HAND, parse_target, shown
from assistant.sources.remote.fetch import Fetched, StatusError
from assistant.sources.remote.transport import AGENT, UnreachableError

if TYPE_CHECKING:
    from protego import Protego

_DAY = 24 * 3600.0


class Get(Protocol):
    """`fetch` with its limits set."""

    def __call__(
        self, url: str, *, etag: str | None = None, modified: str | None = None
    ) -> Fetched: ...


class Politeness:
    """Fetches pages that no person asked for, as a program should. For a single thread.

    What robots.txt forbids is not fetched; if that file is there but cannot be read, nothing is
    (RFC 9309). A host is asked at most once a second, or once in its ``Crawl-delay``.

    Args:
        get: `fetch` with its limits set; fetches robots.txt as well.
        clock: seconds since the epoch.
        sleep: waits for so many seconds.
    """

    MAX_DELAY = 600.0
    """The longest pause in seconds, whatever the ``Crawl-delay`` is."""

    def __init__(
        self,
        get: Get,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._get = get
        self._clock = clock
        self._sleep = sleep
        self._free: dict[str, float] = {}
        self._robots: TLRUCache[str, Protego | ArticleError] = TLRUCache(1000, _until, timer=clock)

    def get(self, url: str, *, etag: str | None = None, modified: str | None = None) -> Fetched:
        """The content at an address; waits until its host may be asked.

        Raises:
            ArticleError: robots.txt forbids it, or as `fetch`.
        """
        target = parse_target(url, allow_private=True)  # `get` decides on that
        rules = self._rules(f"{target.scheme}://{target.authority}", target.host)
        if isinstance(rules, ArticleError):
            problem = f"its robots.txt cannot be read: it {rules.problem}"
            away = isinstance(rules, UnreachableError)
            raise (UnreachableError if away else ArticleError)(shown(url), problem, rules.remedy)
        if not rules.can_fetch(target.url, AGENT):
            raise ArticleError(shown(url), "its robots.txt keeps programs out", BY_HAND)
        delay = rules.crawl_delay(AGENT) or 0.0
        return self._ask(url, target.host, delay, etag=etag, modified=modified)

    def _ask(self, url: str, host: str, delay: float, **condition: str | None) -> Fetched:
        wait = self._free.get(host, 0.0) - self._clock()
        if wait > 0:
            self._sleep(wait)
        try:
            return self._get(url, **condition)
        finally:
            pause = min(delay, self.MAX_DELAY) if delay > 1 else 1.0  # also for nan
            self._free[host] = self._clock() + pause

    def _rules(self, site: str, host: str) -> "Protego | ArticleError":
        rules = self._robots.get(site)
        if rules is None:
            rules = self._robots[site] = self._read_rules(site, host)
        return rules

    def _read_rules(self, site: str, host: str) -> "Protego | ArticleError":
        from protego import Protego

        try:
            content = self._ask(f"{site}/robots.txt", host, 0.0).utf8()
        except StatusError as error:
            is_there = error.status == 429 or not 400 <= error.status < 500
            return error if is_there else Protego.parse("")
        except ArticleError as error:
            return error
        return Protego.parse(content.decode("utf-8-sig", "replace"))


def _until(_: str, rules: object, now: float) -> float:
    """Until when a robots.txt is remembered: for a day; for an hour if it could not be read; not at
    all if nothing answered, since the connection may be back in a minute.
    """
    if isinstance(rules, UnreachableError):
        return now
    return now + (3600.0 if isinstance(rules, ArticleError) else _DAY)
