"""RSS and Atom: what a feed lists, and when it may be asked again; the door to feedparser."""

import codecs
import io
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urljoin

from cachetools import TLRUCache

from assistant.errors import ArticleError
from assistant.sources.dates import find_date
from assistant.sources.decoding import clean
from assistant.sources.formats.elements import parse_tree, text_blocks
from assistant.sources.metadata import MAX_TITLE, canonical_url
from assistant.sources.remote.addresses import parse_target, shown
from assistant.sources.remote.fetch import AGENT, Fetched, StatusError, UnreachableError
from assistant.sources.remote.kinds import parse_content_type, to_utf8
from assistant.text.dates import EARLIEST_YEAR

if TYPE_CHECKING:
    from protego import Protego

MAX_BYTES = 5 << 20
"""Of a feed. The slowest that was found, one of nested tags, takes 6 seconds for each megabyte."""

MAX_ENTRIES = 100
INTERVAL = 30 * 60.0
"""Seconds between two questions to a feed that does not say how often it changes."""

_DAY = 24 * 3600.0
_AWAY = 3600.0
_SEEN = 1000
_FEW = 3
_SUMMARY = 1000
_PROLOGUE = (("<?", "?>"), ("<!--", "-->"), ("<!", ">"))
_ROOTS = ("rss", "feed", "rdf")
_TYPES = ("application/rss+xml", "application/atom+xml", "application/rdf+xml")
_PERIODS = {"hourly": 3600.0, "daily": _DAY, "weekly": 7 * _DAY}


@dataclass(frozen=True)
class Entry:
    """One article that a feed lists."""

    url: str
    """Absolute, without tracking parameters."""
    title: str
    published: str | None = None
    """ISO date, or date and time; None when the feed does not say. Never guessed."""
    summary: str = ""
    """Plain text."""
    changed: str = ""
    """When it was changed or published last, as the feed says it; empty where it does not."""


@dataclass(frozen=True)
class Feed:
    """What a feed said."""

    title: str
    url: str
    entries: tuple[Entry, ...]
    """Newest first if all have dates, else as the feed lists them; each address once."""
    ttl: float | None = None
    """Seconds that it says it stays as it is."""


def is_feed(content: bytes, content_type: str = "") -> bool:
    """Whether this is RSS or Atom, by its first element; by the type only if it has none."""
    root = _root(_decoded(content[: 1 << 16]))
    return root in _ROOTS if root else content_type in _TYPES


def _root(text: str) -> str:
    """The local name of the first element, lower case."""
    at = text.find("<")
    while at >= 0:
        end = next((end for start, end in _PROLOGUE if text.startswith(start, at)), None)
        if end is None:
            found = re.compile(r"<(?:[\w.-]+:)?([\w.-]+)").match(text, at)
            return found.group(1).lower() if found else ""
        at = text.find(end, at)
        at = text.find("<", at) if at >= 0 else at
    return ""


def parse_feed(content: bytes, url: str, *, limit: int = MAX_ENTRIES) -> Feed:
    """The entries of a feed, also of one that is not well-formed.

    Args:
        content: as `Fetched.utf8` gives it, or a file.
        url: where the feed is; what addresses in it are relative to.
        limit: most entries, the newest.

    Raises:
        ArticleError: it is no feed, too large, or declares entities, which can expand without end.
    """
    if len(content) > MAX_BYTES:
        problem = f"has more than {MAX_BYTES >> 20} MB, too much for a feed"
        raise ArticleError(shown(url), problem, "add its articles one by one")
    text = _decoded(content)
    if _root(text[: 1 << 16]) not in _ROOTS:
        raise ArticleError(shown(url), "is not a feed", "give the address of an RSS or Atom feed")
    # Anywhere, since what the parser takes for a comment is easily disguised.
    if re.search(r"<!(ENTITY|ATTLIST|ELEMENT|NOTATION)|\x00", text):
        raise ArticleError(shown(url), "is a feed that declares entities", "add its articles")
    parsed = _parsed(text, url)
    atom = parsed.version.startswith("atom")
    entries: dict[str, Entry] = {}
    for item in parsed.entries:
        entry = _entry(item, url, atom)
        if entry is not None:
            entries.setdefault(entry.url, entry)
    newest = _newest_first(tuple(entries.values()))[:limit]
    return Feed(_plain(parsed.feed.get("title", ""))[:MAX_TITLE], url, newest, _ttl(parsed.feed))


def _decoded(content: bytes) -> str:
    """The text without its XML declaration, so that nobody else decides on the encoding."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = content.decode("utf-16", "replace")
    else:
        named = re.match(rb"\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]+)", content[:400])
        declared = f"text/xml; charset={named.group(1).decode() if named else ''}"
        _, charset = parse_content_type(declared)
        text = to_utf8(content, charset).decode("utf-8-sig", "replace")
    return re.sub(r"^\s*<\?xml.*?\?>", "", text, count=1, flags=re.DOTALL)


def _parsed(text: str, url: str) -> Any:
    import feedparser  # type: ignore[import-untyped, unused-ignore]

    # As a stream: a string could be taken for an address or for the name of a file.
    stream = io.BytesIO(text.encode("utf-8", "replace"))
    headers = {"content-type": "application/xml; charset=utf-8", "content-location": url}
    try:
        return feedparser.parse(
            stream,
            response_headers=headers,
            sanitize_html=False,  # only plain text leaves this module
            resolve_relative_uris=False,
        )
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        # It has no error of its own: these escape from what random tags and numbers make it do.
        raise ArticleError(
            shown(url), "is a feed too broken to be read", "add its articles one by one"
        ) from error


def _entry(item: Any, base: str, atom: bool) -> Entry | None:
    """None where it leads to no page on the web."""
    url = _address(str(item.get("link") or ""), base)
    if url is None:
        return None
    title = _plain(item.get("title", ""), item.get("title_detail", {}).get("type", ""))
    # dc:date, all that RSS 1.0 has, is called updated, too; Atom's `updated` is another matter.
    # The dict's own get() would take one for the other, and warn.
    updated = dict.get(item, "updated")
    published = _published(dict.get(item, "published") or (None if atom else updated))
    summary = _plain(item.get("summary", ""))[:_SUMMARY]
    changed = max(_published(updated) or "", published or "")
    return Entry(url, title[:MAX_TITLE], published, summary, changed)


def _address(link: str, base: str) -> str | None:
    """A link as an absolute address without tracking parameters; None where it is none."""
    link = link.strip().replace(" ", "%20")
    try:
        return canonical_url(urljoin(base, link), base) if link else None
    except (ArticleError, ValueError):
        return None


def _published(told: str | None) -> str | None:
    """The date, in UTC if it has a zone."""
    # Not as feedparser reads it, which makes a date of 99999-99-99.
    told = (told or "").strip()[:100]
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(told).replace(microsecond=0)
            moment = moment.astimezone(UTC) if moment.tzinfo else moment
        except (ValueError, TypeError, OverflowError):
            continue
        if not EARLIEST_YEAR <= moment.year <= datetime.now(UTC).year + 1:
            return None
        return moment.isoformat() if moment.time() != datetime.min.time() else str(moment.date())
    day = find_date(told)
    return str(day) if day else None


def _newest_first(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    if not all(entry.published for entry in entries):
        return entries
    return tuple(sorted(entries, key=lambda entry: entry.published or "", reverse=True))


def _plain(markup: str | None, kind: str = "text/html") -> str:
    """The text of a title or a summary, in one line."""
    text = (markup or "")[: 20 * _SUMMARY]
    if kind != "text/plain" and ("<" in text or "&" in text):
        text = " ".join(text_blocks(parse_tree(f"<body>{text}")))
    return " ".join(clean(text).split())


def _ttl(facts: Any) -> float | None:
    minutes = str(facts.get("ttl") or "").strip()
    if re.fullmatch(r"\d{1,7}", minutes):
        return int(minutes) * 60.0
    period = _PERIODS.get(str(facts.get("sy_updateperiod") or "").strip().lower())
    times = str(facts.get("sy_updatefrequency") or "1").strip()
    return period / max(int(times), 1) if period and re.fullmatch(r"\d{1,4}", times) else None


def discover_feeds(page: bytes, url: str) -> tuple[str, ...]:
    """The addresses of the feeds that a web page names as its own, in its order."""
    tree = parse_tree("<html>" + page.decode("utf-8", "replace"))
    stated = next((href for base in tree.iter("base") if (href := base.get("href"))), "")
    base = _address(stated, url) or url
    found: list[str | None] = []
    for link in tree.iter("link"):
        kind = (link.get("type") or "").strip().lower()
        if "alternate" in (link.get("rel") or "").lower().split() and kind in _TYPES:
            found.append(_address(link.get("href") or "", base))
    return tuple(dict.fromkeys(filter(None, found)))


# ---- manners --------------------------------------------------------------------------------


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
            remedy = "open it in a browser, save the page and add the file"
            raise ArticleError(shown(url), "its robots.txt keeps programs out", remedy)
        return self._ask(url, target.host, rules.crawl_delay(AGENT) or 0.0, etag, modified)

    def free_at(self, url: str) -> float:
        """When its host may be asked again, in seconds since the epoch; the past means now."""
        return self._free.get(parse_target(url, allow_private=True).host, 0.0)

    def _ask(
        self,
        url: str,
        host: str,
        delay: float,
        etag: str | None = None,
        modified: str | None = None,
    ) -> Fetched:
        wait = self._free.get(host, 0.0) - self._clock()
        if wait > 0:
            self._sleep(wait)
        try:
            return self._get(url, etag=etag, modified=modified)
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


# ---- polling --------------------------------------------------------------------------------


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
