"""The grammar of citation marks: ``[1]``, ``[1][2]``, ``[1, 2]``, ``[1-3]``."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_AND, _TO = ",;", "–-"
_SPACE, _BLANK, _SPACES = r"\s?", r"[ \t]?", r"\s*"


def _numbers(space: str, separators: str = _AND + _TO) -> str:
    """A regular expression for numbers with separators, each between the given space."""
    return rf"\d{{1,3}}(?:{space}[{separators}]{space}\d{{1,3}})*"


MARK = re.compile(rf"\[{_SPACE}({_numbers(_SPACE)}){_SPACE}\]")
"""A citation mark: ``[1]``, ``[1, 2]``, ``[1-3]``."""

_HALF = re.compile(rf"(?:\[{_BLANK}(?:{_numbers(_BLANK)}{_BLANK}[{_AND + _TO}]?{_BLANK})?)+\Z")
_LONGEST = 80
"""Characters at the end of a text that are searched for an unfinished mark."""

_NUMBERS = _numbers(_SPACES, f"—{_AND}{_TO}")
_ALIKE = re.compile(rf"[\[［【]({_SPACES}{_NUMBERS}{_SPACES}(?:†[^\]］】\n]{{0,80}})?)[\]］】]")
"""Text that could be taken for a mark: other programs write full-width brackets and daggers."""


@dataclass(frozen=True)
class Mark:
    """A citation mark: its place in the text, and the numbers that it cites."""

    start: int
    end: int
    numbers: tuple[int, ...]


def marks_in(text: str, start: int = 0, end: int | None = None) -> Iterator[Mark]:
    """The citation marks of a text or a part of it, in order."""
    for match in MARK.finditer(text, start, len(text) if end is None else end):
        numbers: list[int] = []
        for part in re.split(f"[{_AND}]", match[1]):
            first, *last = (int(n) for n in re.split(f"[{_TO}]", part))
            numbers += range(first, min(last[-1] if last else first, first + 20) + 1)
        yield Mark(match.start(), match.end(), tuple(numbers))


def cited_in(text: str) -> frozenset[int]:
    """The numbers of all citation marks in a text."""
    return frozenset(number for mark in marks_in(text) for number in mark.numbers)


def settled(text: str) -> str:
    """The part of a growing answer that may be shown: up to an unfinished citation mark at its end.

    It never shrinks as the text grows. For "Yes. [1" it is "Yes. ", since "]" or ", 2]" may follow.
    """
    half = _HALF.search(text, max(0, len(text) - _LONGEST))
    return text[: half.start()] if half else text


def disarmed(text: str) -> str:
    """The text with round brackets around everything that could be taken for a citation mark."""
    return _ALIKE.sub(r"(\1)", text)
