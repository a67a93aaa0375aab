"""When a feed is asked again, and what is new in it."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from assistant.errors import ArticleError
from assistant.sources.remote.feed import MAX_ENTRIES, Entry, Feed, parse_feed
from assistant.sources.remote.fetch import Fetched, StatusError
from assistant.sources.remote.politeness import Politeness
from assistant.sources.remote.transport import UnreachableError

INTERVAL = 30 * 60.0
"""Seconds between two requests to a feed that does not say how often it changes."""

_DAY = 24 * 3600.0
_AWAY = 3600.0
_SEEN = 1000
_FEW = 3


@dataclass(frozen=True)
class Poll:
    """What is known about a feed between two questions; plain values, to be stored."""

    etag: str | None = None
    modified: str | None = None
    next_time: float = 0.0
    """When it may be asked again, in seconds since the epoch."""
    failures: int = 0
    """How often it failed in a row."""
    problem: str = ""
    """Why it failed, with the remedy."""
    gone: bool = False
    """It said that it will never come back (410)."""
    private: bool = False
    """It came from a private address; its entries should not be fetched from one otherwise."""
    seen: Mapping[str, str] = field(default_factory=dict)
    """Addresses of entries that were handed out, newest first, each with its `Entry.changed`."""


def poll(
    url: str,
    state: Poll,
    polite: Politeness,
    *,
    clock: Callable[[], float] = time.time,
    every: float = INTERVAL,
    limit: int = MAX_ENTRIES,
) -> tuple[tuple[Entry, ...], Poll]:
    """The entries of a feed that are new or changed since `state`, and the state after it.

    A feed that may not be asked yet, or never again, is not: the state comes back as it was. What
    goes wrong is told by `Poll.problem`.

    Args:
        polite: asks the feed's site.
        clock: seconds since the epoch.
        every: seconds between two questions at least.
        limit: most entries, the newest.
    """
    if state.gone or clock() < state.next_time:
        return (), state
    try:
        fetched = polite.get(url, etag=state.etag, modified=state.modified)
        return new_entries(state, fetched, clock(), every=every, limit=limit)
    except ArticleError as error:
        return (), after_failure(state, error, clock(), every)


def new_entries(
    state: Poll, fetched: Fetched, now: float, *, every: float = INTERVAL, limit: int = MAX_ENTRIES
) -> tuple[tuple[Entry, ...], Poll]:
    """The entries in a feed's answer that are new or changed since `state`, and the state after it.

    Raises:
        ArticleError: the answer is no feed.
    """
    if fetched.not_modified:
        return (), after_answer(state, fetched, None, now, every)
    feed = parse_feed(fetched.utf8(), fetched.final_url, limit=limit)
    new = [entry for entry in feed.entries if entry.url not in state.seen]
    changed = _changed(feed.entries, state.seen)
    return (*new, *changed), after_answer(state, fetched, feed, now, every)


def _changed(entries: Sequence[Entry], seen: Mapping[str, str]) -> list[Entry]:
    """The entries with a later date than they were handed out with.

    None where most, and more than `_FEW`, have one: such a feed dates all whenever it is made.
    """
    known = [entry for entry in entries if seen.get(entry.url)]
    changed = [entry for entry in known if entry.changed > seen[entry.url]]
    return changed if len(changed) <= max(_FEW, len(known) // 2) else []


def after_answer(
    state: Poll, fetched: Fetched, feed: Feed | None, now: float, every: float = INTERVAL
) -> Poll:
    """The state after an answer; without a feed, after one that it has not changed.

    It may be asked again once the site's ``max-age`` and the feed's own interval are over, but
    after a day in any case.
    """
    wait = max(every, min(max(fetched.max_age or 0.0, (feed and feed.ttl) or 0.0), _DAY))
    if feed is None:
        return replace(state, next_time=now + wait, failures=0, problem="", gone=False)
    listed = {entry.url: entry.changed or state.seen.get(entry.url, "") for entry in feed.entries}
    older = {url: changed for url, changed in state.seen.items() if url not in listed}
    seen = dict([*listed.items(), *older.items()][: max(_SEEN, len(listed))])
    return Poll(fetched.etag, fetched.last_modified, now + wait, private=fetched.private, seen=seen)


def after_failure(state: Poll, error: ArticleError, now: float, every: float = INTERVAL) -> Poll:
    """The state after a failure: waits twice as long each time, up to a day, or as long as told.

    Where nothing answered, up to an hour: nobody is burdened, and a laptop that was away from its
    network should not sleep on for a day.
    """
    longest = _AWAY if isinstance(error, UnreachableError) else _DAY
    told = error.retry_after if isinstance(error, StatusError) else None
    failures = state.failures + 1
    wait = max(min(every * 2.0 ** min(failures, 20), longest), min(told or 0.0, 7 * _DAY), every)
    gone = isinstance(error, StatusError) and error.status == 410
    return replace(state, next_time=now + wait, failures=failures, problem=str(error), gone=gone)
