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
    ) -> Fetched:
        """See `assistant.sources.remote.fetch.fetch`."""


class Politeness:
    """Fetches without being asked by a person, as a program should: for one thread.

    What robots.txt forbids is not fetched; where that file cannot be read for a reason other than
    that it is not there, nothing is (RFC 9309). A host is asked once a second at most, or once in
    its ``Crawl-delay``.

    Args:
        get: `fetch` with its limits set; robots.txt is fetched by it, too.
        clock: seconds since the epoch.
        sleep: waits for so many seconds.
    """

    MAX_DELAY = 600.0
    """Seconds that are waited for a host; a longer ``Crawl-delay`` is taken for this one."""

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
        """What is at an address; waits until its host may be asked.

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
    """How long a robots.txt is remembered: a day; an hour that it could not be read; that nothing
    answered, not at all: the connection may be back in a minute.
    """
    if isinstance(rules, UnreachableError):
        return now
    return now + (3600.0 if isinstance(rules, ArticleError) else _DAY)
