"""Short forms and their long forms: mined from articles, spelled out in questions.

An article may say "European Union" throughout and a person ask about the "EU"; neither words nor
vectors bring the two together (measured on the interview article), so the question is expanded.
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
"""What every reader of news knows, so that no article spells it out."""

_SHORT = r"[A-Z][A-Za-z&.-]{1,9}"
_LONG_FIRST = re.compile(rf"\(({_SHORT})(?:[,;][^()]*)?\)")
_SHORT_FIRST = re.compile(rf"\b({_SHORT}) \(([^()]{{5,100}})\)")
_TOKEN = re.compile(r"\b(?:[A-Za-z]\.){2,}|\b[\w&-]+")


@dataclass(frozen=True)
class Expansion:
    """A question with the other forms of what it names."""

    text: str
    """The question with each other form in brackets: ``EU (European Union) mission``."""
    phrases: tuple[str, ...] = ()
    """The other forms."""
    pairs: tuple[tuple[str, str], ...] = ()
    """What the question says, and its other form: either stands for both."""
    question: str = ""
    """The question without the other forms."""


def mine_abbreviations(text: str) -> dict[str, str]:
    """Short to long form, for each "Long Form (LF)" and "LF (Long Form)" in a text.

    Schwartz & Hearst 2003, "A simple algorithm for identifying abbreviation definitions in
    biomedical text"; the long form is sought in the ``min(n + 5, 2 n)`` words before a short form
    of n characters, and short forms have at least two capitals.
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
    """The tail of `candidate` that holds the letters of `short` in order, first one at a word."""
    at = len(candidate)
    letters = [c.lower() for c in short if c.isalnum()]
    lowered = candidate.lower()
    if len(lowered) != len(candidate):  # a letter whose lower case is longer: offsets would differ
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
    # "Union (EU)" holds both letters in one word: a long form has no fewer words than half of them.
    too_short = len(long.split()) * 2 < len(letters)
    return None if too_short or long.lower() == short.lower() else long


def expand(question: str, known: Mapping[str, str]) -> Expansion:
    """The question with short forms spelled out, and long forms shortened.

    Short forms count when written as they are known ("US", "WHO"); in a question typed wholly in
    lower case also otherwise ("eu mission"), unless they are common words ("us", "who").

    Args:
        known: short to long form.
    """
    phrases: list[str] = []
    pairs: list[tuple[str, str]] = []
    # As a sentence may begin with a capital, the first character does not tell.
    relaxed = {s.lower(): s for s in known} if question[1:] == question[1:].lower() else {}

    def spell_out(match: re.Match[str]) -> str:
        token = match.group()
        short = token.replace(".", "")
        if short not in known:
            short = "" if token.lower() in STOP_WORDS else relaxed.get(short.lower(), "")
        if not short or known[short] in phrases or _contains(question, known[short]):
            return token
        phrases.append(known[short])
        pairs.append((token, known[short]))
        return f"{token} ({known[short]})"

    text = _TOKEN.sub(spell_out, question)
    present = set(words(question))
    for short, long in known.items():
        if _contains(question, long) and not set(words(short)) <= present:
            phrases.append(short)
            pairs.append((long, short))
            text += f" ({short})"
    return Expansion(text, tuple(phrases), tuple(pairs), question)


def _contains(question: str, phrase: str) -> bool:
    return f" {' '.join(words(phrase))} " in f" {' '.join(words(question))} "
