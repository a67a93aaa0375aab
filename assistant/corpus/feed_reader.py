"""What is known of each feed that was asked, and what is new in it, fetched politely.

What a feed lists is noted before any of it is fetched, and crossed off one by one as it is added:
a crash in between neither loses an article nor has one fetched twice.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from urllib.parse import urldefrag, urlsplit

from assistant.corpus.incoming import Incoming, Limits, from_page, getter
from assistant.errors import ArticleError
from assistant.sources.remote.feed import Entry, discover_feeds, is_feed
from assistant.sources.remote.fetch import Fetched, StatusError
from assistant.sources.remote.polling import INTERVAL, Politeness, Poll, new_entries, poll
from assistant.sources.remote.transport import UnreachableError
from assistant.store.store import Store

TRIES = 3
"""How often an article is fetched that cannot be read. Any reason may pass: pages are listed before
they are there, and get their text later."""

VERSIONS = 5
"""Of an article, that are remembered."""

_WEEK = 7 * 24 * 3600.0


@dataclass(frozen=True)
class Wanted:
    """An article that a feed has listed and that is not in the corpus yet, or has changed."""

    url: str
    published: str | None = None
    """As the feed says it."""
    tries: int = 0
    not_before: float = 0.0
    """Seconds since the epoch."""
    changed: bool = False
    """The corpus has it, and the feed says that it has changed since."""


@dataclass(frozen=True)
class Subscription:
    """What is known of one feed."""

    url: str
    followed: bool = False
    poll: Poll = field(default_factory=Poll)
    wanted: tuple[Wanted, ...] = ()
    written: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """`Corpus.version` of the files that each of its articles was when it was fetched, by
    address."""

    @property
    def next_time(self) -> float:
        """When the feed or an article that it listed may be requested, in seconds since the epoch;
        0 for at once.
        """
        # While the feed itself does not answer, its articles are not tried in vain.
        articles = () if self.poll.failures else self.wanted
        return min((self.poll.next_time, *(wanted.not_before for wanted in articles)))

    def to_json(self) -> str:
        """The state as the store keeps it."""
        wanted = [asdict(each) for each in self.wanted]
        written = {url: those for url, those in self.written.items() if url in self.poll.seen}
        return json.dumps({"poll": asdict(self.poll), "wanted": wanted, "written": written})


class Subscriptions:
    """The feeds of one store; any thread."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> dict[str, Subscription]:
        """The feeds that were asked, by address."""
        rows = self._store.rows("SELECT url, followed, state FROM feeds ORDER BY url")
        return {url: _from_json(state, url, followed=bool(f)) for url, f, state in rows}

    def mark(self, url: str, *, followed: bool) -> bool:
        """Notes whether a feed is followed; False if there is no such feed."""
        with self._store.transaction() as connection:
            change = "UPDATE feeds SET followed = ? WHERE url = ?"
            return connection.execute(change, (followed, url)).rowcount > 0

    def keep(self, feed: Subscription) -> None:
        """Keeps the state of a feed; a new one is not followed."""
        with self._store.transaction() as connection:
            connection.execute(
                """INSERT INTO feeds (url, followed, state) VALUES (?, 0, ?)
                   ON CONFLICT (url) DO UPDATE SET state = excluded.state""",
                (feed.url, feed.to_json()),
            )


class FeedReader:
    """Asks feeds and fetches their articles; for one thread, which is not the writer meanwhile.

    Args:
        every: seconds between two requests to a feed; half an hour unless given.
        clock: seconds since the epoch.
        sleep: waits for so many seconds.
    """

    def __init__(
        self,
        store: Store,
        limits: Limits,
        *,
        every: float | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self.subscriptions = Subscriptions(store)
        self._catalogue = store.catalogue
        self._every = INTERVAL if every is None else every
        self._clock = clock
        sleep = sleep or time.sleep
        self._get = getter(limits)
        self._polite = self._on_the_web = Politeness(self._get, clock=clock, sleep=sleep)
        if limits.allow_private:
            # What a public feed links to may not lie in one's own network.
            public = getter(replace(limits, allow_private=False))
            self._on_the_web = Politeness(public, clock=clock, sleep=sleep)

    def look(self, url: str) -> Incoming | Subscription:
        """What is at an address that a person gave: an article, or a feed and what is new in it.

        Raises:
            ArticleError: it cannot be fetched, or is neither.
        """
        url = urldefrag(url).url
        known = self.subscriptions.all().get(url, Subscription(url))
        page = self._get(url, etag=known.poll.etag, modified=known.poll.modified)
        return self._answered(known, page) if _feed_or_same(page) else from_page(page)

    def find(self, url: str) -> Subscription:
        """The feed at an address, or the one that the page there names, with what is new in it.

        Raises:
            ArticleError: it cannot be fetched, or is neither a feed nor a page that names one.
        """
        known = self.subscriptions.all()
        url = urldefrag(url).url
        if url in known:
            return known[url]
        page = self._polite.get(url)
        if _feed_or_same(page):
            return self._answered(Subscription(url), page)
        named = _named_feed(page)
        if named in known:
            return known[named]
        polite = self._polite if page.private else self._on_the_web
        return self._answered(Subscription(named), polite.get(named))

    def poll(self, feed: Subscription) -> Subscription:
        """The feed after it was asked, if it is due; `Poll.problem` tells what went wrong."""
        entries, state = poll(
            feed.url, feed.poll, self._polite, clock=self._clock, every=self._every
        )
        return self._keep(feed, state, entries)

    def _answered(self, feed: Subscription, page: Fetched) -> Subscription:
        entries, state = new_entries(feed.poll, page, self._clock(), every=self._every)
        return self._keep(feed, state, entries)

    def _keep(self, feed: Subscription, state: Poll, entries: tuple[Entry, ...]) -> Subscription:
        listed = (Wanted(e.url, e.published, changed=e.url in feed.poll.seen) for e in entries)
        new = (each for each in listed if self._lacks(feed, each))
        feed = replace(feed, poll=state, wanted=(*feed.wanted, *new))
        self.subscriptions.keep(feed)
        return feed

    def _lacks(self, feed: Subscription, wanted: Wanted) -> bool:
        """Whether an article is to be fetched: the corpus has none of this address, or has it from
        this feed and it has changed. What was removed stays away, and what a person added as it is.
        """
        url, record = wanted.url, self._catalogue.record
        has = record(url, "id") is not None or record(url, "origin") is not None
        return has and url in feed.written if wanted.changed else not has

    def fetch(
        self, feed: Subscription, *, again: bool = False
    ) -> Iterator[Incoming | ArticleError]:
        """The articles that a feed has listed and that the corpus lacks or has in an older version;
        one request a second.

        Each counts as added when the next is taken. A failure is told at the first of its `TRIES`,
        and the article tried again when the feed is asked again; with `again`, both at once.
        """
        polite = self._polite if feed.poll.private else self._on_the_web
        left_alone: dict[str, float] = {}
        for wanted in feed.wanted:
            host = urlsplit(wanted.url).netloc
            if host in left_alone:
                feed = self._cross_off(feed, wanted, replace(wanted, not_before=left_alone[host]))
                continue
            if not again and wanted.not_before > self._clock():
                continue
            try:
                found = None
                if self._lacks(feed, wanted):  # else it came by another feed, or was removed
                    found = from_page(polite.get(wanted.url), wanted.published)
                    before = feed.written[wanted.url] if wanted.changed else ()
                    found = replace(found, origin=wanted.url, replaces=before)
            except ArticleError as error:
                until = self._until(feed, error)
                if isinstance(error, UnreachableError) or _is_told_to_wait(error):
                    left_alone[host] = until
                if again or not wanted.tries:
                    yield error
                tried = replace(wanted, tries=wanted.tries + 1, not_before=until)
                feed = self._cross_off(feed, wanted, tried if tried.tries < TRIES else None)
                continue
            if found is not None:
                yield found
                versions = (*feed.written.get(wanted.url, ()), found.version)
                feed = replace(feed, written={**feed.written, wanted.url: versions[-VERSIONS:]})
            feed = self._cross_off(feed, wanted, None)

    def _until(self, feed: Subscription, error: ArticleError) -> float:
        """When an article that failed is tried again."""
        told = error.retry_after if isinstance(error, StatusError) else None
        return max(feed.poll.next_time, self._clock() + min(told or 0.0, _WEEK))

    def _cross_off(
        self, feed: Subscription, wanted: Wanted, instead: Wanted | None
    ) -> Subscription:
        """The feed with another note about this article, or without one; it is kept."""
        kept = (instead if each is wanted else each for each in feed.wanted)
        feed = replace(feed, wanted=tuple(filter(None, kept)))
        self.subscriptions.keep(feed)
        return feed


def _feed_or_same(page: Fetched) -> bool:
    """Whether an answer is a feed, or says that a known feed has not changed."""
    return page.not_modified or is_feed(page.content, page.content_type)


def _is_told_to_wait(error: ArticleError) -> bool:
    return isinstance(error, StatusError) and (error.status == 429 or bool(error.retry_after))


def _named_feed(page: Fetched) -> str:
    """The address of the one feed that a page names.

    Raises:
        ArticleError: it names none, or several: the remedy lists them.
    """
    named = discover_feeds(page.utf8(), page.final_url) if page.suffix.endswith("html") else ()
    if not named:
        remedy = "give the address of an RSS or Atom feed, or add it without --follow"
        raise ArticleError(page.url, "is not a feed and names none", remedy)
    if len(named) > 1:
        remedy = f"follow one of them: {' '.join(named)}"
        raise ArticleError(page.url, f"names {len(named)} feeds", remedy)
    return named[0]


def _from_json(state: str, url: str, *, followed: bool) -> Subscription:
    kept = json.loads(state)
    seen = kept["poll"]["seen"]
    if isinstance(seen, list):  # until 2026-11-25 the addresses alone
        seen = dict.fromkeys(seen, "")
    polled = Poll(**kept["poll"] | {"seen": seen})
    wanted = tuple(Wanted(**each) for each in kept["wanted"])
    written = {address: tuple(those) for address, those in kept.get("written", {}).items()}
    return Subscription(url, followed, polled, wanted, written)
