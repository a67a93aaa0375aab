"""Sites and feeds asked no more than they wish, and what is new there; the adapter of protego."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cachetools import TLRUCache

from assistant.errors import ArticleError
from assistant.sources.remote.addresses import BY_HAND, parse_target, shown
from assistant.sources.remote.feed import Entry, parse_feed
from assistant.sources.remote.fetch import Fetched, StatusError
from assistant.sources.remote.transport import AGENT, UnreachableError

if TYPE_CHECKING:
    from protego import Protego

INTERVAL = 30 * 60.0
"""Seconds between two requests to a feed that does not say how often it changes."""

_DAY = 24 * 3600.0
_UNREACHABLE = 3600.0
"""Longest pause in seconds while nothing answers: no site is burdened, and a laptop that was away
from its network should not wait for a day."""

_MAX_SEEN = 1000
"""Addresses of entries that are remembered, unless the feed lists more."""

_FEW = 3
"""Changed entries that are believed, however few entries the feed has."""


class Politeness:
    """Fetches pages that no person asked for, as a program should. For a single thread.

    What robots.txt forbids is not fetched; if that file is there but cannot be read, nothing is
    (RFC 9309). A host is asked at most once a second, or once in its ``Crawl-delay``.

    Args:
        get: `fetch` with its limits set, for robots.txt as well; takes `etag` and `modified`.
        clock: seconds since the epoch.
        sleep: waits for so many seconds.
    """

    MAX_DELAY = 600.0
    """The longest pause in seconds, whatever the ``Crawl-delay`` is."""

    def __init__(
        self,
        get: Callable[..., Fetched],
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
        from protego import Protego

        rules = self._robots.get(site)
        if rules is None:
            try:
                content = self._ask(f"{site}/robots.txt", host, 0.0).utf8()
                rules = Protego.parse(content.decode("utf-8-sig", "replace"))
            except StatusError as error:
                is_there = error.status == 429 or not 400 <= error.status < 500
                rules = error if is_there else Protego.parse("")
            except ArticleError as error:
                rules = error
            self._robots[site] = rules
        return rules


def _until(_: str, rules: object, now: float) -> float:
    """Until when a robots.txt is remembered: for a day; for an hour if it could not be read; not at
    all if nothing answered, since the connection may be back in a minute.
    """
    if isinstance(rules, UnreachableError):
        return now
    return now + (3600.0 if isinstance(rules, ArticleError) else _DAY)


@dataclass(frozen=True)
class Poll:
    """The state of a feed between two requests: plain values, to be stored."""

    etag: str | None = None
    modified: str | None = None
    next_time: float = 0.0
    """When it may be asked again, in seconds since the epoch."""
    failures: int = 0
    """How often it failed in a row."""
    problem: str = ""
    """Why it failed, with the remedy."""
    gone: bool = False
    """The site said that it will not come back (410)."""
    private: bool = False
    """It came from a private address; only then may its entries be fetched from one."""
    seen: Mapping[str, str] = field(default_factory=dict)
    """Addresses of the entries returned so far, newest first, each with its `Entry.changed`."""


def poll(
    url: str,
    state: Poll,
    polite: Politeness,
    *,
    clock: Callable[[], float] = time.time,
    every: float = INTERVAL,
) -> tuple[tuple[Entry, ...], Poll]:
    """The entries of a feed that are new or changed since `state`, and the state after it.

    If the feed may not be asked yet, or never again, the state is returned unchanged. A failure is
    described by `Poll.problem`.

    Args:
        every: least seconds between two requests.
    """
    if state.gone or clock() < state.next_time:
        return (), state
    try:
        fetched = polite.get(url, etag=state.etag, modified=state.modified)
        return new_entries(state, fetched, clock(), every=every)
    except ArticleError as error:
        return (), after_failure(state, error, clock(), every)


def new_entries(
    state: Poll, fetched: Fetched, now: float, *, every: float
) -> tuple[tuple[Entry, ...], Poll]:
    """The entries in a feed's answer that are new or changed since `state`, and the state after it.

    It may be asked again after the site's ``max-age`` and the feed's own interval, but after a day
    in any case.

    Raises:
        ArticleError: the answer is not a feed.
    """
    feed = None if fetched.not_modified else parse_feed(fetched.utf8(), fetched.final_url)
    wait = max(every, min(max(fetched.max_age or 0.0, (feed and feed.ttl) or 0.0), _DAY))
    if feed is None:
        return (), replace(state, next_time=now + wait, failures=0, problem="", gone=False)
    new = [entry for entry in feed.entries if entry.url not in state.seen]
    listed = {entry.url: entry.changed or state.seen.get(entry.url, "") for entry in feed.entries}
    older = {url: changed for url, changed in state.seen.items() if url not in listed}
    seen = dict([*listed.items(), *older.items()][: max(_MAX_SEEN, len(listed))])
    entries = (*new, *_changed(feed.entries, state.seen))
    etag, modified, private = fetched.etag, fetched.last_modified, fetched.private
    return entries, Poll(etag, modified, now + wait, private=private, seen=seen)


def _changed(entries: Sequence[Entry], seen: Mapping[str, str]) -> list[Entry]:
    """The entries with a later date than when they were last returned.

    Empty if these are most of them, and more than `_FEW`: such a feed redates all its entries.
    """
    known = [entry for entry in entries if seen.get(entry.url)]
    changed = [entry for entry in known if entry.changed > seen[entry.url]]
    return changed if len(changed) <= max(_FEW, len(known) // 2) else []


def after_failure(state: Poll, error: ArticleError, now: float, every: float = INTERVAL) -> Poll:
    """The state after a failure: waits twice as long each time, or as long as the site asks."""
    longest = _UNREACHABLE if isinstance(error, UnreachableError) else _DAY
    told = error.retry_after if isinstance(error, StatusError) else None
    failures = state.failures + 1
    wait = max(min(every * 2.0 ** min(failures, 20), longest), min(told or 0.0, 7 * _DAY), every)
    gone = isinstance(error, StatusError) and error.status == 410
    return replace(state, next_time=now + wait, failures=failures, problem=str(error), gone=gone)
