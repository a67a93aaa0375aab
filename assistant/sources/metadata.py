"""The facts about an article besides its text: titles, names of files, dates, addresses.

A date of publication is what the metadata of the page or record state, else what its URL or the
head of its text states: never a file's own times, and never a date from the middle of a text, since
a wrong date in a citation is worse than no date. A date counts if day, month and year are given and
their order is certain, so ``07/05/2024`` does not.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import PurePosixPath
from typing import Any, Literal, get_args
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from assistant.errors import ArticleError
from assistant.schema import Article
from assistant.sources.decoding import clean
from assistant.text.dates import date_of, full_dates
from assistant.text.languages import code_of

DateFrom = Literal["metadata", "url", "text"]
"""The evidence for a date of publication."""

HEAD_LINES = 12
"""Non-empty lines at the top of a text that may hold its date."""

UNKNOWN = "unknown"
"""The value of `published` by which a person rejects the date in the URL or the text."""

MAX_TITLE = 300
"""Characters of a title that are kept."""

MAX_NAME = 60
"""Characters of a file's name without its ending, and of its folder's: 240 bytes at most, which
every system accepts."""

_MAX_TITLE_WORDS = 40
_TRACKING = re.compile(r"utm_\w+|fbclid|gclid|mc_[ce]id")

# Names that Windows reserves for devices, with any ending.
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)

_IN_PATH = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"/(?P<y>\d{4})/(?P<m>\d{1,2}|[a-z]{3,9})/(?P<d>\d{1,2})(?![^/._-])",
        r"(?<!\d)(?P<y>\d{4})[-_](?P<m>\d{2})[-_](?P<d>\d{2})(?!\d)",
        r"(?<![a-z\d])(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})(?![a-z\d])",
    )
)

# What may accompany the date in a line that only gives a date.
_BESIDE_DATE = re.compile(
    r"""\b(?: published | posted | date(?:line)? | issued | released | first | on | at | from | of
        | (?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)? | [ap]\.?m\.? | noon
        | gmt | utc | [a-z]{2,4}t | z | \d{1,2}[:.]\d{2}(?:[:.]\d{2})? | t?\d\d:\d\d(?::\d\d)?
        | [+-]\d{2}:?\d{2} )\b\.? | [\W_]""",
    re.IGNORECASE | re.VERBOSE,
)
_BY_LINE = re.compile(r"by\s+[^\d,|·•]{3,60}[,|·•–—-]\s*", re.IGNORECASE)
_PLACE = re.compile(r"(?:(?:[^\W\d_a-z][\w.'’-]*|d[aeiu]|del|la|of|al|le)[ ,/(–—-]{1,3}){1,6}")
_AFTER_DATELINE = re.compile(
    r"(?:\s?г)?\)?\.?\s*(?:/[^/\n]{2,30}/|\([^)\n]{2,40}\)\s*(?:[–—:-]|$)|[–—]|--?\s|-$|:\s|$)"
)


@dataclass(frozen=True)
class FiledArticle(Article):
    """An article with facts that only concern its file: they are neither indexed nor shown.

    Equality includes them; compare `digest` where the file does not matter.
    """

    origin: str = ""
    """The file it was made from, ``archive:member`` or ``file:line``; "" for its own file."""
    date_from: DateFrom | None = None
    """The evidence for `published`; None without a date."""
    unread: str = ""
    """What could not be read of the original, in words: pages that are pictures."""


def make_article(
    path: str, text: str, facts: Mapping[str, Any], *, begins_with_title: bool = False
) -> FiledArticle:
    """An article made of a text, which is cleaned, and the facts that its file gives.

    Without a date among the facts, that of the URL counts, else the one at the head of the text;
    neither if the date is `UNKNOWN`.

    Args:
        facts: title, source, published, url, authors, language, origin, date_from and unread; other
            keys are ignored.
        begins_with_title: without a title among the facts, `split_title` finds it in the text.

    Raises:
        ArticleError: the date or the URL is not valid.
    """
    url, language = canonical_url(_string(facts.get("url")), path), facts.get("language")
    text, title = clean(text), facts.get("title")
    if begins_with_title and not title:
        title, text = split_title(text)
    title, text = _string(title)[:MAX_TITLE].rstrip(), text.strip()
    published, date_from = _publication(facts, url, f"{title}\n{text}", path)
    return FiledArticle(
        id=url or path,
        title=title or title_of_path(path),
        text=text,
        url=url,
        source=_string(facts.get("source")) or None,
        authors=_names(facts.get("authors")),
        published=published,
        # In YAML, the code of Norwegian means false.
        language="no" if language is False else code_of(_string(language)),
        path=path,
        origin=_string(facts.get("origin")),
        date_from=date_from,
        unread=_string(facts.get("unread")),
    )


def _publication(
    facts: Mapping[str, Any], url: str | None, text: str, path: str
) -> tuple[str | None, DateFrom | None]:
    if facts.get("published") == UNKNOWN:
        return None, None
    given = published_date(facts.get("published"), path)
    if given is not None:
        said = facts.get("date_from")
        return given, said if said in get_args(DateFrom) else "metadata"
    if found := url_date(url):
        return found.isoformat(), "url"
    found = head_date(text)
    return (found.isoformat(), "text") if found else (None, None)


def _string(value: object) -> str:
    return "" if value is None else " ".join(clean(str(value)).split())


def _names(value: object) -> tuple[str, ...]:
    names = value if isinstance(value, list | tuple) else _string(value).split(",")
    return tuple(filter(None, map(_string, names)))


# ---- titles, and names of files -------------------------------------------------------------


def letters_of(text: str) -> str:
    """The letters and digits of a title or a name, case-folded, for comparison."""
    return "".join(filter(str.isalnum, text)).casefold()


def title_of_path(path: str) -> str:
    """A title for an article without one: its file name in words."""
    stem = re.sub(r"[-_\s]+", " ", PurePosixPath(path).stem).strip()
    return (stem[:1].upper() + stem[1:])[:MAX_TITLE] or path


def split_title(text: str) -> tuple[str, str]:
    """The title and the rest; "" and all of it unless its first line stands alone like a title."""
    first, _, rest = text.partition("\n")
    alone = rest.startswith("\n") and rest.strip()
    is_title = 0 < len(first.split()) <= _MAX_TITLE_WORDS and not first.rstrip().endswith(".")
    return (first.strip(), rest.strip("\n")) if alone and is_title else ("", text)


def slug(words: str, longest: int = MAX_NAME, *, underscores: bool = False) -> str:
    """A file name made of a title or id: letters, digits and hyphens; "" when it has none of them.

    Args:
        underscores: they stay, as they always have in the names of pasted texts.
    """
    name = unicodedata.normalize("NFC", words).lower()
    name = re.sub(r"\W+" if underscores else r"\W+|_+", "-", name)
    name = name.strip("-_")[:longest].strip("-_")
    return f"{name}-" if _DEVICES.fullmatch(name) else name


class Names:
    """Unique paths in the corpus for the articles of one file.

    A path depends only on the article's id or title and on those before it with the same name, so
    that a list that is imported again gets the same files.
    """

    def __init__(self, file_name: str) -> None:
        self.folder = slug(PurePosixPath(file_name).name.split(".")[0], MAX_NAME // 2) or "articles"
        self._taken: dict[str, int] = {}

    def path(self, wanted: str, otherwise: str) -> str:
        """A path that no other article has, named after the first of these that has letters."""
        name = slug(wanted) or slug(otherwise) or "article"
        count = self._taken[name] = self._taken.get(name, 0) + 1
        while count > 1 and f"{name}-{count}" in self._taken:
            count += 1
        if count > 1:
            self._taken[name] = count
            name = f"{name}-{count}"
            self._taken[name] = 1
        return f"{self.folder}/{name}.md"


# ---- dates ----------------------------------------------------------------------------------


def published_date(value: object, path: str) -> str | None:
    """An ISO date, or date and time; None without a value.

    Other dates are read if their order is certain: "May 7, 2024" is, "7/5/2024" is not.

    Raises:
        ArticleError: the value is not a date.
    """
    if value is None or value == "":
        return None
    if isinstance(value, date):  # a datetime is one, too
        return value.isoformat()
    try:
        parsed = datetime.fromisoformat(str(value).strip())
    except ValueError as error:
        said = find_date(str(value)[:100])
        if said is not None:
            return said.isoformat()
        problem = f"its date is not one: {str(value)[:40]!r}"
        raise ArticleError(path, problem, "write it as 2026-11-24") from error
    return parsed.isoformat() if parsed.time() != datetime.min.time() else str(parsed.date())


def find_date(text: str) -> date | None:
    """The first full date in a short text, if any."""
    return next((found for _, _, found in full_dates(text)), None)


def url_date(url: str | None) -> date | None:
    """The date in the path of an address: ``/2024/05/07/``, ``/2024/may/07/``, ``2024-05-07``."""
    path = urlsplit(url).path if url else ""
    found = (date_of(match) for pattern in _IN_PATH for match in pattern.finditer(path))
    return next(filter(None, found), None)


def head_date(text: str) -> date | None:
    """The date that a text gives for itself, on a line of its own near the top or in a dateline.

    "May 7, 2024", "Published: Tuesday, 7 May 2024, 10:00 GMT", "By Ann Example | May 7, 2024";
    "YEREVAN, May 7, 2024 /Tass/ Russia said …", "May 7, 2024 — The ministers …".
    """
    lines = (line.strip() for line in text[:4000].split("\n"))
    for line in [line for line in lines if line][:HEAD_LINES]:
        for start, end, found in full_dates(line[:200]):
            rest = _BY_LINE.sub("", f"{line[:start]} {line[end:]}", count=1)
            if not _BESIDE_DATE.sub("", rest) or _is_dateline(line, start, end):
                return found
            break  # another date in the same line would not be the article's
    return None


def _is_dateline(line: str, start: int, end: int) -> bool:
    place = line[:start].rstrip()
    named = not place or (place[-1] in ",/(–—-" and _PLACE.fullmatch(line[:start]))
    return bool(named and _AFTER_DATELINE.match(line[end:]))


# ---- addresses ------------------------------------------------------------------------------


def absolute_url(link: str, base: str) -> str | None:
    """The `canonical_url` that a link leads to; None if it is not valid."""
    try:
        return canonical_url(urljoin(base, link.strip()), base)
    except (ArticleError, ValueError):
        return None


def canonical_url(value: str, path: str) -> str | None:
    """The address without fragment and tracking parameters; None without a value.

    Raises:
        ArticleError: it is not an address on the web.
    """
    if not value:
        return None
    try:
        parts = urlsplit(value)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.netloc or " " in value:
        problem = f"its url is not one: {value[:80]!r}"
        raise ArticleError(path, problem, "write it as https://… or leave it out")
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    query = urlencode([pair for pair in pairs if not _TRACKING.fullmatch(pair[0])])
    return parts._replace(
        netloc=parts.netloc.lower(), path=parts.path or "/", query=query, fragment=""
    ).geturl()
