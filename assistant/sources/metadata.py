"""The facts about an article besides its text: dates, addresses, names."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from assistant.errors import ArticleError
from assistant.schema import Article
from assistant.sources.dates import EVIDENCE, DateFrom, find_date, head_date, url_date
from assistant.sources.decoding import clean
from assistant.text.languages import code_of

UNKNOWN = "unknown"
"""The value of `published` by which a person rejects the date in the URL or the text."""

MAX_TITLE = 300
"""Characters of a title that are kept."""

_TRACKING = re.compile(r"utm_\w+|fbclid|gclid|mc_[ce]id")


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


def make_article(path: str, text: str, facts: Mapping[str, Any]) -> FiledArticle:
    """An article made of a text and the facts that its file gives.

    Without a date among the facts, that of the URL counts, else the one at the head of the text;
    neither if the date is `UNKNOWN`.

    Args:
        facts: title, source, published, url, authors, language, origin, date_from and unread; other
            keys are ignored.

    Raises:
        ArticleError: the date or the URL is not valid.
    """
    url = canonical_url(_string(facts.get("url")), path)
    title = " ".join(_string(facts.get("title")).split())[:MAX_TITLE].rstrip()
    text = text.strip()
    published, date_from = _publication(facts, url, f"{title}\n{text}", path)
    return FiledArticle(
        id=url or path,
        title=title or title_of_path(path),
        text=text,
        url=url,
        source=_string(facts.get("source")) or None,
        authors=_names(facts.get("authors")),
        published=published,
        language=_language(facts.get("language")),
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
        return given, said if said in EVIDENCE else "metadata"
    in_url = url_date(url)
    if in_url is not None:
        return in_url.isoformat(), "url"
    in_text = head_date(text)
    return (None, None) if in_text is None else (in_text.isoformat(), "text")


def letters_of(text: str) -> str:
    """The letters and digits of a title or a name, case-folded, for comparison."""
    return "".join(filter(str.isalnum, text)).casefold()


def title_of_path(path: str) -> str:
    """A title for an article without one: its file name in words."""
    stem = re.sub(r"[-_\s]+", " ", PurePosixPath(path).stem).strip()
    return (stem[:1].upper() + stem[1:])[:MAX_TITLE] or path


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
        raise ArticleError(
            path, f"its date is not one: {str(value)[:40]!r}", "write it as 2026-11-24"
        ) from error
    return parsed.isoformat() if parsed.time() != datetime.min.time() else str(parsed.date())


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
    if parts.scheme.lower() not in ("http", "https") or not parts.netloc or " " in value:
        raise ArticleError(
            path, f"its url is not one: {value[:80]!r}", "write it as https://… or leave it out"
        )
    query = [
        pair
        for pair in parse_qsl(parts.query, keep_blank_values=True)
        if not _TRACKING.fullmatch(pair[0])
    ]
    return urlunsplit(
        (parts.scheme.lower(), parts.netloc.lower(), parts.path or "/", urlencode(query), "")
    )


def _string(value: object) -> str:
    return "" if value is None else " ".join(clean(str(value)).split())


def _language(value: object) -> str | None:
    # In YAML, the code of Norwegian means false.
    return "no" if value is False else code_of(_string(value))


def _names(value: object) -> tuple[str, ...]:
    if isinstance(value, list | tuple):
        return tuple(filter(None, map(_string, value)))
    return tuple(filter(None, (name.strip() for name in _string(value).split(","))))
