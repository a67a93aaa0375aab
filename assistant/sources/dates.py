"""Dates of publication, as a URL or the head of a text states them.

Never a file's own times, and never a date from the middle of a text: a wrong date in a citation is
worse than no date. A date counts if day, month and year are given and their order is certain, so
``07/05/2024`` does not. Metadata of a page or a record takes precedence; see `make_article`.
"""

import re
from datetime import date
from typing import Literal, get_args
from urllib.parse import urlsplit

from assistant.text.dates import date_of, full_dates

DateFrom = Literal["metadata", "url", "text"]
"""The evidence for a date of publication."""

EVIDENCE: tuple[DateFrom, ...] = get_args(DateFrom)

HEAD_LINES = 12
"""Non-empty lines at the top of a text that may hold its date."""

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


def find_date(text: str) -> date | None:
    """The first full date in a short text, if any."""
    found = next(full_dates(text), None)
    return found[2] if found else None


def url_date(url: str | None) -> date | None:
    """The date in the path of an address: ``/2024/05/07/``, ``/2024/may/07/``, ``2024-05-07``."""
    path = urlsplit(url).path if url else ""
    for pattern in _IN_PATH:
        for match in pattern.finditer(path):
            found = date_of(match)
            if found:
                return found
    return None


def head_date(text: str) -> date | None:
    """The date that a text gives for itself, on a line of its own near the top or in a dateline.

    "May 7, 2024", "Published: Tuesday, 7 May 2024, 10:00 GMT", "By Ann Example | May 7, 2024";
    "YEREVAN, May 7, 2024 /Tass/ Russia said …", "May 7, 2024 — The ministers …".
    """
    lines = (line.strip() for line in text[:4000].split("\n"))
    for line in [line for line in lines if line][:HEAD_LINES]:
        for start, end, found in full_dates(line[:200]):
            if stands_alone(line[:start] + " " + line[end:]) or _is_dateline(line, start, end):
                return found
            break  # another date in the same line would not be the article's
    return None


def stands_alone(rest: str) -> bool:
    """Whether the rest of a line that holds a date is only a label and a time."""
    return not _BESIDE_DATE.sub("", _BY_LINE.sub("", rest, count=1))


def _is_dateline(line: str, start: int, end: int) -> bool:
    place = line[:start].rstrip()
    named = not place or (place[-1] in ",/(–—-" and _PLACE.fullmatch(line[:start]))
    return bool(named and _AFTER_DATELINE.match(line[end:]))
