"""Follows feeds until it is stopped.

What the web needs is imported on use: most people add files, and it takes a tenth of a second.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from assistant.corpus.ingestion import Ingestion
from assistant.corpus.pace import Pace
from assistant.corpus.plan import Change, Plan, failed
from assistant.errors import ArticleError, SettingsError, Stopped

if TYPE_CHECKING:
    from assistant.corpus.feed_reader import Subscription

SHORTEST = 5 * 60.0
"""Seconds between two requests to a feed, however often a person wants it asked."""

_NAP = 60.0
"""Longest wait for a feed to be due, in seconds: a laptop's sleep is not counted as waiting."""


@dataclass(frozen=True)
class FeedSummary:
    """What a list of feeds shows."""

    url: str
    followed: bool
    """False where it was only read, by `add`."""
    next_time: float
    """When it may be asked again, in seconds since the epoch."""
    problem: str
    """Why it cannot be read, with the remedy; "" when it can."""
    waiting: int
    """Articles that it has listed and that could not be fetched yet."""


def feeds(ingestion: Ingestion) -> list[FeedSummary]:
    """The feeds that were added or followed, by address."""
    from assistant.corpus.feed_reader import Subscriptions

    return [
        FeedSummary(f.url, f.followed, f.next_time, f.poll.problem, len(f.wanted))
        for f in Subscriptions(ingestion.index.store).all().values()
    ]


def unfollow(ingestion: Ingestion, url: str) -> None:
    """Notes that a feed is not followed any longer; its articles stay.

    Raises:
        SettingsError: no feed with this address is known.
    """
    from assistant.corpus.feed_reader import Subscriptions

    if not Subscriptions(ingestion.index.store).mark(url, followed=False):
        raise SettingsError(url, "is no feed that is known", "`assistant feeds` lists them")


def follow(ingestion: Ingestion, urls: Sequence[str], pace: Pace) -> Iterator[Plan]:
    """Follows feeds: adds the articles that they list and the corpus lacks, as they come.

    The state of each feed is kept: started again, it is asked when it is due, and only for changes.

    Args:
        urls: of feeds, or of pages that name one; those that were followed before, if none.

    Yields:
        A plan for each article and each failure. `Plan.notes` tell what is followed. A failure is
        told once, until the feed has answered again. Ends when no feed is left.

    Raises:
        SettingsError: no feed was followed before, or `Pace.every` is less than five minutes.
        CorpusError: an article's file cannot be written.
        StoreError: the index cannot be used.
    """
    try:
        yield from _Followed(ingestion, pace).run(urls)
    except Stopped:
        return


class _Followed:
    """The feeds that one call of `follow` follows."""

    def __init__(self, ingestion: Ingestion, pace: Pace) -> None:
        from assistant.corpus.feed_reader import FeedReader

        if pace.every is not None and pace.every < SHORTEST:
            problem = f"is less than {SHORTEST / 60:.0f} minutes"
            subject = "the time between two questions to a feed"
            raise SettingsError(subject, problem, "make it longer")
        self.ingestion = ingestion
        self.pace = pace
        store, limits = ingestion.index.store, ingestion.limits
        self.reader = FeedReader(store, limits, every=pace.every, clock=pace.clock, sleep=pace.wait)
        self.subscriptions = self.reader.subscriptions
        self.urls: set[str] = set()

    def run(self, urls: Sequence[str]) -> Iterator[Plan]:
        """Asks each feed when it is due, until none is left.

        Raises:
            Stopped: it is to end.
        """
        yield from self._begin(urls)
        while True:
            known = self.subscriptions.all()
            left = [url for url in known if url in self.urls and known[url].followed]
            if not left:
                return
            for url in left:
                if known[url].next_time <= self.pace.clock():
                    yield from self._ask(known[url])
            known = self.subscriptions.all()
            soonest = min(known[url].next_time for url in left)
            self.pace.wait(min(max(soonest - self.pace.clock(), 1.0), _NAP))

    def _begin(self, urls: Sequence[str]) -> Iterator[Plan]:
        """Finds the feeds that are to be followed, and says which they are."""
        if not urls:
            urls = [url for url, feed in self.subscriptions.all().items() if feed.followed]
            if not urls:
                remedy = "`assistant add ADDRESS --follow` follows one"
                raise SettingsError("feeds", "none is followed yet", remedy)
        for url in urls:
            self.pace.go_on()
            try:
                feed = self.reader.find(url)
            except ArticleError as error:
                yield Plan((failed(error),))
                continue
            self.subscriptions.mark(feed.url, followed=True)
            self.urls.add(feed.url)
            yield Plan((), (_introduction(url, feed, self.pace.clock()),))

    def _ask(self, feed: "Subscription") -> Iterator[Plan]:
        """Asks one feed, if it is due, and adds what it lists and the corpus lacks."""
        before = feed.poll
        if before.next_time <= self.pace.clock():
            feed = self.reader.poll(feed)
        after = feed.poll
        if after.gone:
            self.subscriptions.mark(feed.url, followed=False)
            yield _failure(feed, "it is not followed any more")
        elif after.problem and not before.problem:
            yield _failure(feed, f"it is asked again {_time(after.next_time, self.pace.clock())}")
        elif before.problem and not after.problem:
            yield Plan((), (f"{feed.url} answers again",))
        if after.problem:
            return
        for found in self.reader.fetch(feed):
            yield Plan((self.ingestion.add_one(found, self.pace.wait_for_writer),))
            self.pace.go_on()


def _introduction(url: str, feed: "Subscription", now: float) -> str:
    named = "" if feed.url == url else f", which {url} names"
    if feed.poll.problem:
        return f"follows {feed.url}{named}, which failed: {feed.poll.problem}"
    asked = f"; asked again {_time(feed.poll.next_time, now)}" if feed.poll.next_time > now else ""
    return f"follows {feed.url}{named}{asked}"


def _failure(feed: "Subscription", note: str) -> Plan:
    change = Change("failed", feed.url, error=feed.poll.problem)
    return Plan((change,), (f"{feed.url}: {note}",))


def _time(moment: float, now: float) -> str:
    """A time of the next days, in words: "at 14:05", "on 26 November at 14:05"."""
    then = datetime.fromtimestamp(moment)
    today = then.date() == datetime.fromtimestamp(now).date()
    return f"{then:at %H:%M}" if today else f"on {then.day} {then:%B at %H:%M}"
