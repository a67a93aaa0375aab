"""Feeds and the corpus folder, followed until somebody stops it; the door to watchfiles."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.corpus.folder import is_passed_over
from assistant.corpus.ingestion import Ingestion, ShowWaiting
from assistant.corpus.plan import Change, Plan
from assistant.errors import ArticleError, CorpusError, SettingsError, Stopped, StoreError
from assistant.store.store import Store

if TYPE_CHECKING:
    from assistant.corpus.feeds import Subscription, Subscriptions


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


SHORTEST = 5 * 60.0
"""Seconds between two questions to a feed, however often a person wants it asked."""

QUIET = 400
"""Milliseconds without a change after which files are taken for whole: copying a file and saving
one in an editor are many changes."""

_LONGEST_GATHERING = 10_000
"""Milliseconds after which changes are looked at although they go on."""

_TICK = 1_000
"""Milliseconds in which a folder that has vanished is noticed."""

_SWEEP = 60
"""Quiet ticks after which the folder is compared with the index all the same: the system drops
events when there are many at once, and sends none of what another machine changed."""

_NAP = 60.0
"""Longest wait for a feed to be due, in seconds: a laptop's sleep is not counted as waiting."""


@dataclass(frozen=True)
class Pace:
    """When what is followed is looked at, and when no more."""

    stop: threading.Event = field(default_factory=threading.Event)
    """Ends it when set."""
    every: float | None = None
    """Seconds between two questions to a feed; half an hour unless given, and longer where the feed
    or its site says so."""
    clock: Callable[[], float] = time.time
    """Seconds since the epoch."""
    sleep: Callable[[float], object] | None = None
    """Waits for so many seconds; unless given, `stop` ends the waiting."""
    waiting: ShowWaiting | None = None
    """Called about twice a second while another process is indexing."""

    def wait(self, seconds: float) -> None:
        """Waits.

        Raises:
            Stopped: it is to end.
        """
        (self.sleep or self.stop.wait)(seconds)
        self.go_on()

    def go_on(self, *_: object) -> None:
        """Called wherever it may end.

        Raises:
            Stopped: it is to end.
        """
        if self.stop.is_set():
            raise Stopped

    def wait_for_writer(self, message: str) -> None:
        """Called while another process is indexing.

        Raises:
            Stopped: it is to end.
        """
        self.go_on()
        if self.waiting is not None:
            self.waiting(message)


# ---- feeds ----------------------------------------------------------------------------------


def follow(ingestion: Ingestion, urls: Sequence[str], pace: Pace) -> Iterator[Plan]:
    """Follows feeds: adds the articles that they list and the corpus lacks, as they come.

    What is known of a feed is kept: begun anew, it is asked when it is due, and for changes only.

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
    from assistant.corpus.feeds import Subscriptions
    from assistant.sources.remote.polling import INTERVAL

    every = INTERVAL if pace.every is None else pace.every
    if every < SHORTEST:
        problem = f"is less than {SHORTEST / 60:.0f} minutes"
        raise SettingsError("the time between two questions to a feed", problem, "make it longer")
    feeds = Subscriptions(ingestion.store, ingestion.limits, clock=pace.clock, sleep=pace.wait)
    try:
        followed: set[str] = set()
        yield from _begin(ingestion, feeds, urls, every, followed, pace)
        while True:
            known = feeds.all()
            left = [url for url in known if url in followed and known[url].followed]
            if not left:
                return
            for url in left:
                if known[url].next_time <= pace.clock():
                    yield from _round(ingestion, feeds, known[url], every, pace)
            known = feeds.all()
            soonest = min(known[url].next_time for url in left)
            pace.wait(min(max(soonest - pace.clock(), 1.0), _NAP))
    except Stopped:
        return


def _begin(
    ingestion: Ingestion,
    feeds: "Subscriptions",
    urls: Sequence[str],
    every: float,
    followed: set[str],
    pace: Pace,
) -> Iterator[Plan]:
    """Finds the feeds that are to be followed, says which, and puts them into `followed`."""
    if not urls:
        known = [url for url, feed in feeds.all().items() if feed.followed]
        if not known:
            remedy = "`assistant add ADDRESS --follow` follows one"
            raise SettingsError("feeds", "none is followed yet", remedy)
        urls = known
    for url in urls:
        pace.go_on()
        try:
            feed = feeds.find(url, every)
        except ArticleError as error:
            yield Plan((Change("failed", error.subject, error=str(error)),))
            continue
        feeds.mark(feed.url, followed=True)
        followed.add(feed.url)
        yield Plan((), (_introduction(url, feed, pace.clock()),))


def _introduction(url: str, feed: "Subscription", now: float) -> str:
    named = "" if feed.url == url else f", which {url} names"
    if feed.poll.problem:
        return f"follows {feed.url}{named}, which failed: {feed.poll.problem}"
    asked = f"; asked again {_time(feed.poll.next_time, now)}" if feed.poll.next_time > now else ""
    return f"follows {feed.url}{named}{asked}"


def _round(
    ingestion: Ingestion,
    feeds: "Subscriptions",
    feed: "Subscription",
    every: float,
    pace: Pace,
) -> Iterator[Plan]:
    """Asks one feed, if it is due, and adds what it lists and the corpus lacks."""
    before = feed.poll
    if before.next_time <= pace.clock():
        feed = feeds.poll(feed, every)
    after = feed.poll
    if after.gone:
        feeds.mark(feed.url, followed=False)
        yield _failure(feed, "it is not followed any more")
    elif after.problem and not before.problem:
        yield _failure(feed, f"it is asked again {_time(after.next_time, pace.clock())}")
    elif before.problem and not after.problem:
        yield Plan((), (f"{feed.url} answers again",))
    if after.problem:
        return
    for found in feeds.fetch(feed):
        if isinstance(found, ArticleError):
            yield Plan((Change("failed", found.subject, error=str(found)),))
        else:
            yield Plan((ingestion.add_one(found, pace.wait_for_writer),))
        pace.go_on()


def _failure(feed: "Subscription", note: str) -> Plan:
    failed = Change("failed", feed.url, error=feed.poll.problem)
    return Plan((failed,), (f"{feed.url}: {note}",))


def _time(moment: float, now: float) -> str:
    """A time of the next days, in words: "at 14:05", "on 26 November at 14:05"."""
    then = datetime.fromtimestamp(moment)
    today = then.date() == datetime.fromtimestamp(now).date()
    return f"{then:at %H:%M}" if today else f"on {then.day} {then:%B at %H:%M}"


def feeds(store: Store) -> list[FeedSummary]:
    """The feeds that were added or followed, by address."""
    from assistant.corpus.feeds import known_feeds

    return [
        FeedSummary(f.url, f.followed, f.next_time, f.poll.problem, len(f.wanted))
        for f in known_feeds(store).values()
    ]


def unfollow(store: Store, url: str) -> None:
    """Notes that a feed is not followed any longer; its articles stay.

    Raises:
        SettingsError: no feed with this address is known.
    """
    from assistant.corpus.feeds import follow_feed

    if not follow_feed(store, url, False):
        raise SettingsError(url, "is no feed that is known", "`assistant feeds` lists them")


# ---- the folder -----------------------------------------------------------------------------


def watch(ingestion: Ingestion, pace: Pace, *, polling: bool = False) -> Iterator[Plan]:
    """Follows the corpus folder: a sync, then one each time that files have changed.

    A folder that vanishes is waited for: nothing in it counts as removed.

    Args:
        polling: looks at every file again and again, for folders of other machines.

    Yields:
        The plan of the first sync, then of those that did something. A file that fails is in one of
        them, until it is changed. `Plan.notes` tell that the folder has vanished or is back.

    Raises:
        CorpusError: the folder does not exist at first, or cannot be watched.
        StoreError: the index cannot be used, or has vanished with the folder.
    """
    watched = _Watched(ingestion, pace)
    try:
        yield watched.sync()
        while True:
            yield from watched.look(polling)
            yield from watched.wait_for_folder()
    except Stopped:
        return


class _Watched:
    """The folder of a corpus, and what was told of it."""

    def __init__(self, ingestion: Ingestion, pace: Pace) -> None:
        self.ingestion = ingestion
        self.pace = pace
        self.root = ingestion.corpus.root
        self.store = ingestion.store.path
        self.identity = _identity(self.root)
        self.store_identity = _identity(self.store)
        self.told: set[tuple[str, str, str]] = set()

    def sync(self) -> Plan:
        """Makes the index hold what the folder holds.

        Returns:
            What it did, without the failures that were told before.
        """
        plan = self.ingestion.sync(None, self.pace.go_on, self.pace.wait_for_writer)
        failures = {(c.path, c.stamp, c.error) for c in plan.failures}
        new = failures - self.told
        self.told = failures  # a file that was mended and is broken again is told again
        changes = (
            c for c in plan.changes if c.kind != "failed" or (c.path, c.stamp, c.error) in new
        )
        return Plan(tuple(changes), plan.notes)

    def look(self, polling: bool) -> Iterator[Plan]:
        """What changes in the folder, until the folder is another one or none."""
        quiet = 0
        for changed in _changes(self.root, self.pace.stop, polling):
            if _identity(self.root) != self.identity:
                return
            self._check_store()
            # The first time, too: what changed before the watching began is told by no event.
            if not changed and quiet % _SWEEP:
                quiet += 1
                continue
            quiet = 1
            try:
                plan = self.sync()
            except (CorpusError, StoreError, OSError):
                if _identity(self.root) != self.identity:  # since this very moment
                    return
                raise
            if plan.failures or not plan.empty:
                yield plan
        self.pace.go_on()

    def wait_for_folder(self) -> Iterator[Plan]:
        """Waits for a folder that has vanished. An empty one in its place is taken for none: it may
        be the point where a disk was mounted.

        Raises:
            StoreError: the index has vanished with the folder.
        """
        told = False
        while _identity(self.root) != self.identity and not self._has_files():
            if not told:
                yield Plan((), (f"{self.root} is gone: nothing is removed, waiting for it",))
                told = True
            self.pace.wait(_TICK / 1000)
        self._check_store()
        self.identity = _identity(self.root)
        if told:
            yield Plan((), (f"{self.root} is back",))

    def _check_store(self) -> None:
        # What is open of a file that was deleted takes every change, and keeps none.
        if _identity(self.store) != self.store_identity:
            problem = "was replaced or deleted while the folder was followed"
            raise StoreError(self.store, problem, "run the command again")

    def _has_files(self) -> bool:
        try:
            return any(not is_passed_over(entry.name) for entry in self.root.iterdir())
        except OSError:
            return False


def _identity(path: Path) -> tuple[int, int] | None:
    """Tells a file or folder from another of its name; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _changes(root: Path, stop: threading.Event, polling: bool) -> Iterator[bool]:
    """At each change and each tick: whether a file changed that is looked at.

    Raises:
        CorpusError: the folder cannot be watched.
    """
    import watchfiles

    watching = watchfiles.watch(
        root, watch_filter=None, step=QUIET, debounce=_LONGEST_GATHERING, rust_timeout=_TICK,
        yield_on_timeout=True, stop_event=stop, force_polling=polling, poll_delay_ms=_TICK,
        ignore_permission_denied=True,
    )  # fmt: skip
    try:
        for changes in watching:
            yield any(_is_looked_at(Path(path), root) for _, path in changes)
    except FileNotFoundError:
        return
    except (OSError, RuntimeError) as error:  # what its Rust part raises is a RuntimeError
        reason = " ".join(str(error).split())
        raise CorpusError(root, f"cannot be watched ({reason})", "watch it with --poll") from error


def _is_looked_at(path: Path, root: Path) -> bool:
    try:
        inside = path.relative_to(root)
    except ValueError:  # by another name of the folder
        return True
    return not any(map(is_passed_over, inside.parts))
