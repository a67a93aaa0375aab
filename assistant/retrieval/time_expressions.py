"""Time expressions of a question as spans of days: "last week", "in May 2024", "since March".

Only explicit times are read; "recently" is not a span. A month or a day without its
year is the last one before the day of asking.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from assistant.text.dates import MONTH, NTH, find_dates, month_number

_NUMBERS = {
    word: number
    for number, word in enumerate("one two three four five six seven eight nine ten".split(), 1)
} | {"a": 1, "couple of": 2, "few": 3}
_DAY = (
    rf"(?:\d{{4}}-\d{{2}}-\d{{2}}|\d{{1,2}}{NTH} (?:of )?{MONTH}(?:,? \d{{4}})?"
    rf"|{MONTH} \d{{1,2}}{NTH}(?:,? \d{{4}})?(?!\d))"
)
_POINT = rf"(?:{_DAY}|{MONTH}(?:,? (?:of )?\d{{4}})?|(?:19|20)\d{{2}})"
_AGO = rf"(?:\d{{1,3}}|{'|'.join(_NUMBERS)})"


@dataclass(frozen=True)
class Timespan:
    """Days from `since` to `until`, both included; None: open on that side."""

    since: date | None
    until: date | None
    words: str
    """How the question says it."""

    @property
    def days(self) -> tuple[date | None, date | None]:
        """Both ends."""
        return self.since, self.until


def timespan_of(question: str, today: date) -> Timespan | None:
    """The first time expression of a question; None without one, or if no such date exists."""
    for pattern, read in _PATTERNS:
        match = pattern.search(question)
        if match:
            try:
                found = read(match, today)
            except (ValueError, OverflowError):
                found = None
            if found is not None:
                return Timespan(*found, match.group().strip())
    return None


Span = tuple[date | None, date | None]
Read = Callable[[re.Match[str], date], Span | None]


def _between(match: re.Match[str], today: date) -> Span | None:
    first, last = _point(match["first"], today), _point(match["last"], today)
    return (first[0], last[1]) if first and last and first[0] <= last[1] else None


def _open(match: re.Match[str], today: date) -> Span | None:
    point = _point(match["point"], today)
    if point is None:
        return None
    start, end = point
    word = match["word"].lower()
    if word in ("since", "from"):
        return start, None
    if word == "after":
        return end + timedelta(days=1), None
    return None, start - timedelta(days=1) if word == "before" else end


def _around(match: re.Match[str], today: date) -> Span | None:
    """Before or after something "in March": on which of its days is not known."""
    point = _point(match["point"], today)
    if point is None:
        return None
    return (point[0], None) if match["word"].lower() in ("since", "after") else (None, point[1])


def _within(match: re.Match[str], today: date) -> Span | None:
    return _point(match["point"], today)


def _relative(match: re.Match[str], today: date) -> Span:
    which, unit = match["which"].lower(), match["unit"].lower()
    if unit == "week":
        start = today - timedelta(days=today.weekday() + (7 if which != "this" else 0))
        return start, start + timedelta(days=6)
    if unit == "month":
        year, month = today.year, today.month - (which != "this")
        return _month(year, month) if month else _month(year - 1, 12)
    year = today.year - (which != "this")
    return date(year, 1, 1), date(year, 12, 31)


def _last(match: re.Match[str], today: date) -> Span:
    count = _NUMBERS.get(match["count"].lower()) or int(match["count"])
    days = {"day": 1, "week": 7, "month": 31, "year": 366}[match["unit"].lower()]
    return today - timedelta(days=count * days), today


def _near(match: re.Match[str], today: date) -> Span:
    day = today - timedelta(days=match["near"].lower() == "yesterday")
    return day, day


_PATTERNS: tuple[tuple[re.Pattern[str], Read], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), read)
    for pattern, read in (
        (rf"\bbetween (?P<first>{_POINT}) and (?P<last>{_POINT})", _between),
        (rf"\bfrom (?P<first>{_POINT}) (?:to|until|till) (?P<last>{_POINT})", _between),
        (rf"\b(?P<word>since|after|before|until|till|from) (?P<point>{_POINT})(?!\w)", _open),
        # "by May" may be by a person of that name.
        (rf"\b(?P<word>by) (?P<point>{_DAY}|{MONTH} \d{{4}}|(?:19|20)\d{{2}})(?!\w)", _open),
        (
            rf"\b(?P<word>since|after|before|until|till) (?:\w[\w’'-]* ){{1,5}}?(?:in|on|of) "
            rf"(?P<point>{_POINT})(?!\w)",
            _around,
        ),
        (r"\b(?P<which>this|last|past|previous) (?P<unit>week|month|year)\b", _relative),
        (rf"\b(?:last|past) (?P<count>{_AGO}) (?P<unit>day|week|month|year)s?\b", _last),
        (r"\b(?P<near>today|yesterday)\b", _near),
        (rf"\b(?:in|on|during|of|for) (?P<point>{_POINT})(?!\w)", _within),
    )
)


def _point(words: str, today: date) -> tuple[date, date] | None:
    """First and last day of a day, a month or a year; None for a day that no month has."""
    found, _ = find_dates(words, any_case=True)
    if found and found[0].text != words:
        return None
    month = found[0].month if found else month_number(words)
    if month is None:
        return date(int(words), 1, 1), date(int(words), 12, 31)
    year, number = (found[0].year, found[0].day) if found else (None, None)
    if number is None:
        start, end = _month(year or today.year, month)
        return (start, end) if year or start <= today else _month(today.year - 1, month)
    day = date(year or today.year, month, number)
    if not year and day > today:
        day = day.replace(year=day.year - 1)
    return day, day


def _month(year: int, month: int) -> tuple[date, date]:
    start = date(year, month, 1)
    after = date(year + month // 12, month % 12 + 1, 1)
    return start, after - timedelta(days=1)
