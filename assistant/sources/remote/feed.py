"""RSS and Atom: what a feed lists, and which feeds a page names; the adapter of feedparser."""

import io
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from assistant.errors import ArticleError
from assistant.sources.decoding import UTF16_MARKS, charset_of, clean, to_utf8
from assistant.sources.formats.elements import parse_tree, text_blocks
from assistant.sources.metadata import MAX_TITLE, absolute_url, find_date
from assistant.sources.remote.addresses import shown
from assistant.text.dates import EARLIEST_YEAR

MAX_BYTES = 5 << 20
"""Of a feed. The slowest one found, of nested tags, takes 6 seconds per megabyte."""

MAX_ENTRIES = 100

_SUMMARY = 1000
"""Characters of a summary that are kept."""

_PROLOGUE = (("<?", "?>"), ("<!--", "-->"), ("<!", ">"))
_ROOTS = ("rss", "feed", "rdf")
_TYPES = ("application/rss+xml", "application/atom+xml", "application/rdf+xml")
_PERIODS = {"hourly": 3600.0, "daily": 24 * 3600.0, "weekly": 7 * 24 * 3600.0}


@dataclass(frozen=True)
class Entry:
    """One article that a feed lists."""

    url: str
    """Absolute, without tracking parameters."""
    title: str
    published: str | None = None
    """ISO date, or date and time; None if the feed does not say. Never guessed."""
    summary: str = ""
    """Plain text."""
    changed: str = ""
    """When it was last changed or published, according to the feed; "" if it does not say."""


@dataclass(frozen=True)
class Feed:
    """The content of a feed."""

    title: str
    entries: tuple[Entry, ...]
    """Newest first if all have dates, else in the feed's order; each address once."""
    ttl: float | None = None
    """Seconds for which it says it does not change."""


def is_feed(content: bytes, content_type: str = "") -> bool:
    """Whether this is RSS or Atom, judged by its first element, or by its type if it has none."""
    root = _root(_decoded(content[: 1 << 16]))
    return root in _ROOTS if root else content_type in _TYPES


def _root(text: str) -> str:
    """The local name of the first element, in lower case."""
    at = text.find("<")
    while at >= 0:
        end = next((end for start, end in _PROLOGUE if text.startswith(start, at)), None)
        if end is None:
            found = re.compile(r"<(?:[\w.-]+:)?([\w.-]+)").match(text, at)
            return found[1].lower() if found else ""
        at = text.find(end, at)
        at = text.find("<", at) if at >= 0 else at
    return ""


def parse_feed(content: bytes, url: str, *, limit: int = MAX_ENTRIES) -> Feed:
    """The entries of a feed, even if it is not well-formed.

    Args:
        content: as `Fetched.utf8` gives it, or a file.
        url: of the feed; the base of relative addresses in it.
        limit: most entries, the newest.

    Raises:
        ArticleError: it is not a feed, too large, or declares entities, which can expand endlessly.
    """
    if len(content) > MAX_BYTES:
        problem = f"has more than {MAX_BYTES >> 20} MB, too much for a feed"
        raise ArticleError(shown(url), problem, "add its articles one by one")
    text = _decoded(content)
    if _root(text[: 1 << 16]) not in _ROOTS:
        raise ArticleError(shown(url), "is not a feed", "give the address of an RSS or Atom feed")
    # Anywhere, since a declaration is easily disguised as what the parser takes for a comment.
    if re.search(r"<!(ENTITY|ATTLIST|ELEMENT|NOTATION)|\x00", text):
        raise ArticleError(shown(url), "is a feed that declares entities", "add its articles")
    parsed = _parsed(text, url)
    atom = parsed.version.startswith("atom")
    entries: dict[str, Entry] = {}
    for item in parsed.entries:
        entry = _entry(item, url, atom=atom)
        if entry is not None:
            entries.setdefault(entry.url, entry)
    listed = tuple(entries.values())
    if all(entry.published for entry in listed):
        listed = tuple(sorted(listed, key=lambda entry: entry.published or "", reverse=True))
    title = _plain(parsed.feed.get("title", ""))[:MAX_TITLE]
    return Feed(title, listed[:limit], _ttl(parsed.feed))


def _decoded(content: bytes) -> str:
    """The text without its XML declaration, which would decide on the encoding once more."""
    if content.startswith(UTF16_MARKS):
        text = content.decode("utf-16", "replace")
    else:
        named = re.match(rb"\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]+)", content[:400])
        charset = charset_of(named[1].decode()) if named else None
        text = to_utf8(content, charset).decode("utf-8-sig", "replace")
    return re.sub(r"^\s*<\?xml.*?\?>", "", text, count=1, flags=re.DOTALL)


def _parsed(text: str, url: str) -> Any:
    import feedparser  # type: ignore[import-untyped, unused-ignore]

    # As a stream: a string could be taken for an address or a file name.
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
        # It has no error of its own; random tags and numbers make it raise these.
        problem = "is a feed too broken to be read"
        raise ArticleError(shown(url), problem, "add its articles one by one") from error


def _entry(item: Any, base: str, *, atom: bool) -> Entry | None:
    """An entry; None if it does not link to a page on the web."""
    url = _address(str(item.get("link") or ""), base)
    if url is None:
        return None
    title = _plain(item.get("title", ""), item.get("title_detail", {}).get("type", ""))
    # dc:date, the only date in RSS 1.0, is called `updated` as well; in Atom, `updated` is another
    # date. The get() of feedparser's dict would take one for the other, and warn.
    updated = dict.get(item, "updated")
    published = _published(dict.get(item, "published") or (None if atom else updated))
    summary = _plain(item.get("summary", ""))[:_SUMMARY]
    changed = max(_published(updated) or "", published or "")
    return Entry(url, title[:MAX_TITLE], published, summary, changed)


def _address(link: str, base: str) -> str | None:
    """The absolute address of a link without tracking parameters; None if it is not valid."""
    link = link.strip().replace(" ", "%20")
    return absolute_url(link, base) if link else None


def _published(told: str | None) -> str | None:
    """The ISO date, in UTC if it has a time zone."""
    # Not as feedparser reads it, which accepts 99999-99-99.
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


def _plain(markup: str | None, kind: str = "text/html") -> str:
    """The plain text of a title or a summary, in one line."""
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
    """The addresses of the feeds that a web page links to as its own, in its order."""
    tree = parse_tree("<html>" + page.decode("utf-8", "replace"))
    stated = next((href for base in tree.iter("base") if (href := base.get("href"))), "")
    base = _address(stated, url) or url
    found: list[str | None] = []
    for link in tree.iter("link"):
        kind = (link.get("type") or "").strip().lower()
        if "alternate" in (link.get("rel") or "").lower().split() and kind in _TYPES:
            found.append(_address(link.get("href") or "", base))
    return tuple(dict.fromkeys(filter(None, found)))
