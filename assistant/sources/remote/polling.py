"""When to ask a feed again, and which of its entries are new."""

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
_UNREACHABLE = 3600.0
"""Longest pause in seconds while nothing answers: nobody is burdened, and a laptop that was away
from its network should not wait for a day."""

_MAX_SEEN = 1000
"""Addresses of entries that are remembered, unless the feed lists more."""

_FEW = 3
"""Changed entries that are believed, however few entries the feed has."""


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
    limit: int = MAX_ENTRIES,
) -> tuple[tuple[Entry, ...], Poll]:
    """The entries of a feed that are new or changed since `state`, and the state after it.

    If the feed may not be asked yet, or never again, the state is returned unchanged. A failure is
    described by `Poll.problem`.

    Args:
        polite: asks the feed's site.
        clock: seconds since the epoch.
        every: least seconds between two requests.
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
        ArticleError: the answer is not a feed.
    """
    if fetched.not_modified:
        return (), after_answer(state, fetched, None, now, every)
    feed = parse_feed(fetched.utf8(), fetched.final_url, limit=limit)
    new = [entry for entry in feed.entries if entry.url not in state.seen]
    changed = _changed(feed.entries, state.seen)
    return (*new, *changed), after_answer(state, fetched, feed, now, every)


def _changed(entries: Sequence[Entry], seen: Mapping[str, str]) -> list[Entry]:
    """The entries with a later date than when they were last returned.

    Empty if these are most of them, and more than `_FEW`: such a feed redates all its entries.
    """
    known = [entry for entry in entries if seen.get(entry.url)]
    changed = [entry for entry in known if entry.changed > seen[entry.url]]
    return changed if len(changed) <= max(_FEW, len(known) // 2) else []


def after_answer(
    state: Poll, fetched: Fetched, feed: Feed | None, now: float, every: float = INTERVAL
) -> Poll:
    """The state after an answer: with `feed`, or that it has not changed.

    It may be asked again after the site's ``max-age`` and the feed's own interval, but after a day
    in any case.
    """
    wait = max(every, min(max(fetched.max_age or 0.0, (feed and feed.ttl) or 0.0), _DAY))
    if feed is None:
        return replace(state, next_time=now + wait, failures=0, problem="", gone=False)
    listed = {entry.url: entry.changed or state.seen.get(entry.url, "") for entry in feed.entries}
    older = {url: changed for url, changed in state.seen.items() if url not in listed}
    seen = dict([*listed.items(), *older.items()][: max(_MAX_SEEN, len(listed))])
    return Poll(fetched.etag, fetched.last_modified, now + wait, private=fetched.private, seen=seen)


def after_failure(state: Poll, error: ArticleError, now: float, every: float = INTERVAL) -> Poll:
    """The state after a failure: waits twice as long each time, or as long as the site asks."""
    longest = _UNREACHABLE if isinstance(error, UnreachableError) else _DAY
    told = error.retry_after if isinstance(error, StatusError) else None
    failures = state.failures + 1
    wait = max(min(every * 2.0 ** min(failures, 20), longest), min(told or 0.0, 7 * _DAY), every)
    gone = isinstance(error, StatusError) and error.status == 410
    return replace(state, next_time=now + wait, failures=failures, problem=str(error), gone=gone)
