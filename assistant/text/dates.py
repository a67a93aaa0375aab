"""Dates in text: one grammar of days, months and years.

`find_dates` reads English running text and also gives incomplete dates, such as a month without its
year; `full_dates` reads texts in any language, and gives only dates whose day, month and year are
stated in a certain order. The libraries that find dates in running text take "may" and "second" for
dates.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache

from assistant.text.languages import foreign_months

MONTHS = (
    "January February March April May June July August September October November December".split()
)
WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()

EARLIEST_YEAR = 1600
"""When the first newspapers appeared."""

_NUMBERS = (
    {name.lower(): number for number, name in enumerate(MONTHS, start=1)}
    | {name[:3].lower(): number for number, name in enumerate(MONTHS, start=1)}
    | {"sept": 9}
)


def month_number(name: str) -> int | None:
    """1 to 12 for the English name of a month or its abbreviation, in any case; otherwise None."""
    return _NUMBERS.get(name.casefold().rstrip("."))


# ---- English running text ----------------------------------------------------------------------

NTH = r"(?:st|nd|rd|th)?"
MONTH = rf"(?:{'|'.join(MONTHS)}|(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\b\.?)"
_NAMED = f"(?P<month>{MONTH})"
_AND = r"(?: ?- ?| and | to | or )"
_PATTERNS = (
    rf"\b(?:(?P<other>\d\d?){NTH}{_AND})?(?P<day>\d\d?){NTH}(?: of)? {_NAMED}(?!\w)"
    r"(?:,? (?P<year>\d{4})\b)?",
    rf"\b{_NAMED} (?P<day>\d\d?){NTH}\b(?:{_AND}(?P<other>\d\d?)\b{NTH})?"
    r"(?:,? (?P<year>\d{4})\b)?",
    rf"\b{_NAMED},?(?: of)? (?P<year>\d{{4}})\b",
    r"\b(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)(?!\d)",
    r"\b(?P<day>\d\d?)[./](?P<month>\d\d?)[./](?P<year>\d{4})\b",
    r"\b(?P<month>\d\d?)[./](?P<day>\d\d?)[./](?P<year>\d{4})\b",
    rf"\b(?P<month>{'|'.join(MONTHS)})\b",
)


@dataclass(frozen=True)
class Date:
    """A day, a month, or a day of an unstated year; unstated parts are None."""

    text: str
    year: int | None
    month: int
    day: int | None


def find_dates(text: str, *, any_case: bool = False) -> tuple[list[Date], str]:
    """The dates of a text, and the text with spaces in their places.

    Args:
        any_case: "may" counts as a month, too.
    """
    found: list[Date] = []
    for pattern in _compiled(re.IGNORECASE if any_case else re.NOFLAG):
        matches = list(pattern.finditer(text))
        text = pattern.sub(_blank, text)
        found += [one for match in matches for one in _dates(match)]
    return found, text


@cache
def _compiled(flags: re.RegexFlag) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern, flags) for pattern in _PATTERNS)


def _blank(match: re.Match[str]) -> str:
    """Spaces in place of a date; text that only looks like one is left to the next pattern."""
    return " " * len(match.group()) if any(True for _ in _dates(match)) else match.group()


def _dates(match: re.Match[str]) -> Iterator[Date]:
    parts = match.groupdict()
    name = parts["month"]
    month = int(name) if name.isdecimal() else month_number(name)
    year = int(parts["year"]) if parts.get("year") else None
    days = [int(day) for day in (parts.get("day"), parts.get("other")) if day]
    if month is not None and 1 <= month <= 12:
        for day in [day for day in days if 1 <= day <= 31] if days else [None]:
            yield Date(match.group().strip(), year, month, day)


# ---- any language ------------------------------------------------------------------------------

_WORD = r"(?P<m>[^\W\d_]{3,12})\.?"
_FULL = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?<![\d/.-])(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})(?=T\d|[^\d/-]|$)",
        r"(?<![\d.])(?P<d>\d{1,2})\.\s?(?P<m>\d{1,2})\.\s?(?P<y>\d{4})(?![\d.])",
        r"(?P<y>\d{4})\s?[年년]\s?(?P<m>\d{1,2})\s?[月월]\s?(?P<d>\d{1,2})\s?[日일]",
        rf"\b{_WORD}\s+(?P<d>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<y>\d{{4}})(?!\d)",
        rf"(?<![\d:.])(?P<d>\d{{1,2}})(?:st|nd|rd|th|er|\.|º)?\s+(?:de\s+|of\s+)?{_WORD},?\s+"
        r"(?:de\s+)?(?P<y>\d{4})(?!\d)",
    )
)


def full_dates(text: str) -> Iterator[tuple[int, int, date]]:
    """(start, end, date) of the full dates in a text, in order."""
    matches = (match for pattern in _FULL for match in pattern.finditer(text))
    return iter(sorted((*match.span(), day) for match in matches if (day := date_of(match))))


def date_of(match: re.Match[str]) -> date | None:
    """The date of a match with the groups y, m (a number or a name) and d, or None."""
    year, day, name = int(match["y"]), int(match["d"]), match["m"].casefold()
    month = int(name) if name.isdecimal() else month_number(name) or foreign_months().get(name)
    # Next year is allowed, because clocks are set wrong and time zones differ.
    if month is None or not EARLIEST_YEAR <= year <= date.today().year + 1:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None
