"""What is known of each feed that was asked, kept in the store."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from assistant.sources.remote.polling import Poll
from assistant.store.database import Database


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
    """`version_of` the files that each of its articles became when it was fetched, by address."""

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

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> dict[str, Subscription]:
        """The feeds that were asked, by address."""
        rows = self._database.rows("SELECT url, followed, state FROM feeds ORDER BY url")
        return {url: _from_json(state, url, followed=bool(f)) for url, f, state in rows}

    def mark(self, url: str, *, followed: bool) -> bool:
        """Notes whether a feed is followed; False if there is no such feed."""
        with self._database.transaction() as connection:
            change = "UPDATE feeds SET followed = ? WHERE url = ?"
            return connection.execute(change, (followed, url)).rowcount > 0

    def keep(self, feed: Subscription) -> None:
        """Keeps the state of a feed; a new one is not followed."""
        with self._database.transaction() as connection:
            connection.execute(
                """INSERT INTO feeds (url, followed, state) VALUES (?, 0, ?)
                   ON CONFLICT (url) DO UPDATE SET state = excluded.state""",
                (feed.url, feed.to_json()),
            )


def _from_json(state: str, url: str, *, followed: bool) -> Subscription:
    kept = json.loads(state)
    seen = kept["poll"]["seen"]
    if isinstance(seen, list):  # until 2026-11-25 the addresses alone
        seen = dict.fromkeys(seen, "")
    polled = Poll(**kept["poll"] | {"seen": seen})
    wanted = tuple(Wanted(**each) for each in kept["wanted"])
    written = {address: tuple(those) for address, those in kept.get("written", {}).items()}
    return Subscription(url, followed, polled, wanted, written)
