"""What a question asks for."""

import re

_STATEMENT = re.compile(
    r"^\W*why\b|\bhow come\b|\breasons?\b"
    r"|\b(what|how)\b.*\b(say|says|said|think|thinks|thought|tell|tells|told|claims?|claimed|"
    r"describes?|described|comments?|commented|reacts?|reacted|responds?|responded|explains?|"
    r"explained|accuses?|accused|opinion|view of|views on|position on|stance|attitude)\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"\bhow (?:many|much)\b|\b(?:what|which) (?:percentage|share|proportion|number|amount)\b"
    r"|\bwhat (?:is|was|were|are|will be)\b.{0,40}?\b(?:toll|number|amount|total|count|price|cost"
    r"|rate|percentage|share|population|size|value|budget|salary|turnout|speed)\b",
    re.IGNORECASE,
)
_OFFICE = re.compile(
    r"\b(?:who|which country|what country|which state)\b.*?\b(?P<office>chair|lead|head|presid|"
    r"prime minister|premier|chancellor|foreign minister|defen[cs]e minister|secretary general|"
    r"secretary-general|director general|ceo|chief executive|governor|mayor|king|queen|command|"
    r"coach|captain|ambassador|speaker|editor|owns|owner)(?P<ending>\w*)",
    re.IGNORECASE,
)
_NO_ONE_HOLDER = re.compile(
    r"\b(?:first|second|third|former|previous|next|last|deputy|deputies|vice|co|members?|"
    r"candidates?|before|after|all|any|were|names|other)\b",
    re.IGNORECASE,
)


def wants_statement(question: str) -> bool:
    """Whether whole sentences answer: why something is, or what someone said about it.

    The words that a model cuts out of them are worth no more than the sentence (token F1 on the
    bundled questions 0.50 and 0.50 of what was said, 0.46 and 0.45 of reasons), and less to a
    reader.
    """
    return _STATEMENT.search(question) is not None


def wants_number(question: str) -> bool:
    """Whether a number answers: how many, how much, what the toll or the price is."""
    return _NUMBER.search(question) is not None


def office_of(question: str) -> str:
    """The office whose one holder answers, as its words begin: "chair" of "who chairs the EAEU".

    Empty where a question asks for no holder, or for one of several: a deputy, the first one.
    """
    match = _OFFICE.search(question)
    if match is None or _NO_ONE_HOLDER.search(question):
        return ""
    return match["office"].lower()
