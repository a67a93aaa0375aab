"""Quotations, numbers and dates in one spelling, so that two texts can be compared.

The adapter of text2num, which reads numbers in words.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

from text_to_num import alpha2digit

from assistant.text.dates import WEEKDAYS, Date, find_dates

_QUOTES = "\"'`´“”„‟«»‹›‘’‚‛*_"
"""With the marks of emphasis in Markdown."""

_INVISIBLE = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
_DASHES = "‐‑‒–—―−"
_TYPED = str.maketrans(dict.fromkeys(_QUOTES + _INVISIBLE, "") | dict.fromkeys(_DASHES, "-"))
_DASHED = str.maketrans(dict.fromkeys(_INVISIBLE, "") | dict.fromkeys(_DASHES, "-"))


def plain(text: str) -> str:
    """The text in the form in which quotations are compared.

    Quotation marks, case, spaces and punctuation outside numbers do not count; nor do spaces around
    dashes.
    """
    text = unicodedata.normalize("NFKC", text.translate(_TYPED)).casefold()
    text = re.sub(r"(?<!\d)[.,;:!?()]|[.,;:!?()](?!\d)", " ", text)
    return re.sub(r" ?-[ -]*", "-", " ".join(text.split()))


@dataclass(frozen=True)
class Number:
    """A number with its unit."""

    text: str
    values: frozenset[float]
    """All that it may mean: "5m" is five or five million."""
    unit: str | None = None
    """One of `UNITS` or of the three below; None without a known unit."""


ORDINAL, DECADE, DAY = "ordinal", "decade", "day of a month"


@dataclass(frozen=True)
class Figures:
    """The numbers and dates of a text."""

    numbers: tuple[Number, ...] = ()
    dates: tuple[Date, ...] = ()

    def lacking(self, said: "Figures") -> list[str]:
        """The figures of `said`, as written there, that are missing here in every spelling."""
        here = _by_value(self.numbers)
        years = {v for number in self.numbers for v in number.values if number.unit is None}
        dates = [d.text for d in said.dates if not any(_holds(o, d, years) for o in self.dates)]
        return dates + [n.text for n in said.numbers if not _counted(n, here, years)]


def _by_value(numbers: tuple[Number, ...]) -> dict[float, set[str | None]]:
    found: dict[float, set[str | None]] = {}
    for number in numbers:
        for value in number.values:
            found.setdefault(value, set()).add(number.unit)
    return found


def _counted(number: Number, here: dict[float, set[str | None]], years: set[float]) -> bool:
    """Whether a number is here under a unit that may be its own, or as a year of its decade."""
    if number.unit == DECADE and any(v <= y < v + 10 for v in number.values for y in years):
        return True
    return any(_alike(number.unit, unit) for v in number.values for unit in here.get(v, ()))


def _alike(said: str | None, here: str | None) -> bool:
    """Whether a number may have both units."""
    if here in (DAY, DECADE):
        return said == {DAY: ORDINAL, DECADE: DECADE}[here]
    return said == here or None in (said, here)


def _holds(here: Date, said: Date, years: set[float]) -> bool:
    """Whether a date agrees with all parts of the one said; the year may be given elsewhere."""
    if here.month != said.month or (said.day is not None and here.day != said.day):
        return False
    return said.year in (None, here.year) or (here.year is None and said.year in years)


UNITS = {
    "percent": r"%|per ?cent|pct",
    "dollar": r"(?:US |American )?dollars?|USD|bucks",
    "euro": r"euros?|EUR",
    "pound": r"pounds?(?: sterling)?|GBP",
    "rouble": r"(?:Russian )?rou?bles?|RUB",
    "dram": r"(?:Armenian )?drams?|AMD",
    "square kilometre": r"sq\.? ?km|km2|km²|square (?:km|kilomet(?:er|re)s?)",
    "square mile": r"sq\.? ?mi(?:les?)?|square miles?",
    "kilometre an hour": r"km/h|kph|kilomet(?:er|re)s? (?:an|per) hour",
    "kilometre": r"kms?|kilomet(?:er|re)s?",
    "metre": r"met(?:er|re)s?",
    "centimetre": r"cm|centimet(?:er|re)s?",
    "mile": r"miles?",
    "foot": r"feet|foot|ft",
    "hectare": r"hectares?|ha",
    "kilogram": r"kgs?|kilos?|kilogram(?:me)?s?",
    "tonne": r"tonnes?|tons?",
    "litre": r"lit(?:er|re)s?",
    "year": r"years?",
    "month": r"months?",
    "week": r"weeks?",
    "day": r"days?",
    "hour": r"hours?|hrs?",
    "minute": r"minutes?|mins?",
}
_SIGNS = {"$": "dollar", "€": "euro", "£": "pound", "₽": "rouble", "֏": "dram"}
_SCALES = (
    {"dozen": 12.0}
    | dict.fromkeys(("k", "thousand"), 1e3)
    | dict.fromkeys(("m", "mn", "mln", "million"), 1e6)
    | dict.fromkeys(("b", "bn", "billion"), 1e9)
    | dict.fromkeys(("tn", "trillion"), 1e12)
)
_IN_DIGITS = {f"{_SCALES[s]:.0f}": s for s in ("thousand", "million", "billion", "trillion")}
"""Scales as text2num writes them after a number in digits: "5 million" becomes "5 1000000"."""

_EACH_SCALE = "|".join(sorted([*_SCALES, *_IN_DIGITS], key=len, reverse=True))
_EACH_UNIT = "|".join(f"(?P<u{number}>{unit})" for number, unit in enumerate(UNITS.values()))
_NUMBER = re.compile(
    r"(?:(?<![^\W_])(?:US)?(?P<sign>[$€£₽֏]) ?)?"
    r"(?<![^\W_])(?P<digits>\d{1,3}(?:[, ]\d{3})+(?!\d)(?:\.\d+)?|\d+(?:[.,]\d+)*)"
    r"(?:(?P<ordinal>st|nd|rd|th)(?![^\W_])|(?P<decade>['’]?s)(?![^\W_]))?"
    rf"(?:[ -]?(?P<scale>{_EACH_SCALE})(?![^\W_]))?(?:[ -]?(?:{_EACH_UNIT})(?![^\W_]))?",
    re.IGNORECASE,
)
_UNIT_NAMES = tuple(UNITS)
_TENS = "twenties thirties forties fifties sixties seventies eighties nineties".split()
_IN_TENS = re.compile(rf"\b(?:{'|'.join(_TENS)})\b", re.IGNORECASE)
_SEASON = re.compile(r"\b(1[89]|20)(\d\d)[-/](\d\d)\b(?![-/]?\d)")
"""Two years, the second without its century: "2018-19"."""

_HALF = re.compile(r"\bhalf an? (?=(?:hundred|thousand|million|billion|trillion|dozen)\b)", re.I)
_A_DOZEN = re.compile(r"\ba dozen\b", re.IGNORECASE)


def figures_of(text: str, *, from_two: bool = False) -> Figures:
    """The numbers and dates of a text, in digits or in words.

    Args:
        from_two: ignore "one", "first" and "zero" in words, which rarely count anything.
    """
    dates, text = find_dates(in_digits(text, from_two=from_two))
    numbers = [_number(match) for match in _NUMBER.finditer(text)]
    return Figures(tuple(numbers), tuple(dates))


def in_digits(text: str, *, from_two: bool = False) -> str:
    """The text on one line with its numbers in digits: "at least 9 people"."""
    text = _HALF.sub("0.5 ", " ".join(text.translate(_DASHED).split()))
    text = _A_DOZEN.sub("12", text).encode("utf-8", "replace").decode()
    text = _SEASON.sub(lambda m: f"{m[1]}{m[2]}-{m[1]}{m[3]}", text)
    text = _IN_TENS.sub(lambda m: f"{20 + 10 * _TENS.index(m.group().lower())}s", text)
    return str(alpha2digit(text, "en", 1.5 if from_two else 0.0))


def _number(match: re.Match[str]) -> Number:
    digits, written = match["digits"], match["scale"] or ""
    scale = _IN_DIGITS.get(written, written.lower())
    factor = _SCALES.get(scale, 1.0)
    values = {round(value * factor, 6) for value in _readings(digits)}
    if scale == "m":  # metres, or millions
        values |= _readings(digits)
    unit = _SIGNS.get(match["sign"] or "") or next(
        (name for i, name in enumerate(_UNIT_NAMES) if match[f"u{i}"]), None
    )
    if match["ordinal"]:
        unit = ORDINAL
    elif match["decade"]:
        unit = DECADE
        values = {v + c for v in values for c in ((0,) if v >= 100 else (1900, 2000))}
    text = match.group().strip()
    if written in _IN_DIGITS:
        text = text.replace(f" {written}", f" {scale}")
    return Number(text, frozenset(values), unit)


def _readings(digits: str) -> set[float]:
    """The values that a number in digits may mean: 1.234 and 1,234 for "1.234"."""
    joined = digits.replace(" ", "")
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", joined):
        return {float(joined.replace(",", ""))}
    if re.fullmatch(r"\d{1,3}(?:\.\d{3})+(?:,\d+)?", joined):
        whole = float(joined.replace(".", "").replace(",", "."))
        return {whole, float(joined)} if joined.count(".") == 1 and "," not in joined else {whole}
    decimal = joined.replace(",", ".")
    return {float(decimal) if decimal.count(".") <= 1 else float(decimal.replace(".", ""))}


def source_figures(text: str, published: str | None) -> Figures:
    """The figures of a passage, and those that follow from its dates.

    Another text may give a year without its day, "the 20th" without its month, or the date for a
    weekday or "yesterday" in a dated article.

    Args:
        published: ISO date or date and time of its article.
    """
    found = figures_of(text)
    dates = [*found.dates, *_relative_dates(text, published)]
    # "3/2/2024" is read as 3 February, but an American article means 2 March.
    dates += [replace(d, month=d.day, day=d.month) for d in dates if "/" in d.text and d.day]
    dates += figures_of((published or "")[:10]).dates
    numbers = list(found.numbers)
    for one in dates:
        if one.year is not None:
            numbers.append(Number(str(one.year), frozenset([float(one.year)])))
        if one.day is not None:
            numbers.append(Number(one.text, frozenset([float(one.day)]), DAY))
    return Figures(tuple(numbers), tuple(dates))


def _relative_dates(text: str, published: str | None) -> Iterator[Date]:
    """The dates of weekdays, "today" and "yesterday": the last ones up to publication."""
    try:
        today = date.fromisoformat((published or "")[:10])
    except ValueError:
        return
    for back in range(min(7, today.toordinal())):
        day = today - timedelta(days=back)
        words = [WEEKDAYS[day.weekday()], *(("today", "yesterday")[back : back + 1])]
        if re.search(rf"\b(?:{'|'.join(words)})\b", text, re.IGNORECASE):
            yield Date(words[0], day.year, day.month, day.day)
