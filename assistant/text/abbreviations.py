"""Abbreviations: mined from articles, spelled out in questions.

An article may say "European Union" throughout while a question says "EU". Neither words nor vectors
match the two (measured on the interview article), so the question is expanded.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from assistant.text.tokens import STOP_WORDS, words

UNIVERSAL = {
    "EU": "European Union",
    "NATO": "North Atlantic Treaty Organization",
    "UK": "United Kingdom",
    "UN": "United Nations",
    "US": "United States",
    "WHO": "World Health Organization",
}
"""Abbreviations that every reader of news knows, so that articles do not spell them out."""

_SHORT = r"[A-Z][A-Za-z&.-]{1,9}"
_LONG_FIRST = re.compile(rf"\(({_SHORT})(?:[,;][^()]*)?\)")
_SHORT_FIRST = re.compile(rf"\b({_SHORT}) \(([^()]{{5,100}})\)")
_TOKEN = re.compile(r"\b(?:[A-Za-z]\.){2,}|\b[\w&-]+")


@dataclass(frozen=True)
class Expansion:
    """A question with the other forms of its abbreviations and long forms."""

    text: str
    """The question with each other form in brackets: ``EU (European Union) mission``."""
    pairs: tuple[tuple[str, str], ...] = ()
    """Each form in the question with its other form; either stands for both."""
    question: str = ""
    """The question without the other forms."""

    @property
    def phrases(self) -> tuple[str, ...]:
        """The other forms."""
        return tuple(other for _, other in self.pairs)


def mine_abbreviations(text: str) -> dict[str, str]:
    """Short to long form, for each "Long Form (LF)" and "LF (Long Form)" in a text.

    Schwartz & Hearst 2003, "A simple algorithm for identifying abbreviation definitions in
    biomedical text". A long form is searched for in the ``min(n + 5, 2 n)`` words before a short
    form of n characters; short forms have at least two capitals.
    """
    found: dict[str, str] = {}
    for match in _LONG_FIRST.finditer(text):
        short = match.group(1).replace(".", "")
        before = text[max(match.start() - 200, 0) : match.start()].rsplit("\n", 1)[-1]
        reach = min(len(short) + 5, 2 * len(short))
        candidate = " ".join(before.split()[-reach:])
        _keep(found, short, _long_form(short, candidate))
    for match in _SHORT_FIRST.finditer(text):
        short = match.group(1).replace(".", "")
        candidate = " ".join(match.group(2).split())
        long = _long_form(short, candidate)
        if long == candidate:
            _keep(found, short, long)
    return found


def _keep(found: dict[str, str], short: str, long: str | None) -> None:
    if long and sum(c.isupper() for c in short) >= 2 and len(long.split()) > 1:
        found.setdefault(short, long)


def _long_form(short: str, candidate: str) -> str | None:
    """The end of `candidate` with the letters of `short` in order, the first beginning a word."""
    at = len(candidate)
    letters = [c.lower() for c in short if c.isalnum()]
    lowered = candidate.lower()
    if len(lowered) != len(candidate):  # the lower case of a letter is longer: offsets would differ
        return None
    for index in range(len(letters) - 1, -1, -1):
        at -= 1
        while at >= 0 and not (
            lowered[at] == letters[index]
            and (index > 0 or at == 0 or not candidate[at - 1].isalnum())
        ):
            at -= 1
        if at < 0:
            return None
    long = candidate[at:].strip(" ,;:-–—")
    # "Union (EU)" has both letters in one word: a long form has at least half as many words.
    too_short = len(long.split()) * 2 < len(letters)
    return None if too_short or long.lower() == short.lower() else long


def expand(question: str, known: Mapping[str, str]) -> Expansion:
    """The question with its short forms spelled out and its long forms abbreviated.

    Short forms count as they are usually written ("US", "WHO"), and in a question all in lower case
    also in lower case ("eu mission"), unless they are common words ("us", "who").

    Args:
        known: short to long form.
    """
    pairs: list[tuple[str, str]] = []
    # The first character does not count, because any sentence may begin with a capital.
    relaxed = {s.lower(): s for s in known} if question[1:] == question[1:].lower() else {}

    def spell_out(match: re.Match[str]) -> str:
        token = match.group()
        short = token.replace(".", "")
        if short not in known:
            short = "" if token.lower() in STOP_WORDS else relaxed.get(short.lower(), "")
        if not short or known[short] in dict(pairs).values() or _contains(question, known[short]):
            return token
        pairs.append((token, known[short]))
        return f"{token} ({known[short]})"

    text = _TOKEN.sub(spell_out, question)
    present = set(words(question))
    for short, long in known.items():
        if _contains(question, long) and not set(words(short)) <= present:
            pairs.append((long, short))
            text += f" ({short})"
    return Expansion(text, tuple(pairs), question)


def _contains(question: str, phrase: str) -> bool:
    return f" {' '.join(words(phrase))} " in f" {' '.join(words(question))} "
