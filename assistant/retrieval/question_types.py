"""What kind of answer a question asks for."""

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

_QUOTED = re.compile(r"“[^”]*”|\"[^\"]*\"|«[^»]*»|‘[^’]*’|(?<!\w)'[^']*'(?!\w)")
_LATEST = re.compile(
    r"(?<!\bat the )\blatest\b(?! (?:possible|the|that|it|he|she|they|we|you|a|date|by)\b)"
    r"|\b(?:most recent(?:ly)?|newest|up[- ]to[- ]date|so far|to date|currently|right now"
    r"|at present|at the moment|as things stand)\b"
    r"|(?:\b(?:the|is|are|its|his|her|their|whose)|[’']s?) current\b"
    r"(?! (?:of|in|through|affairs|flows?|account)\b)"
    r"|(?<!until )(?<!till )(?<!by )(?<!from )(?<!just )\bnow\b(?![-–]| (?:that|defunct|closed)\b)"
    r"|(?-i:\btoday\b)"  # "USA TODAY" and "Russia Today" are names
    r"|\b(?:did|do|does|was|were|is|has|have|had|who|what|when|where)\b[^?.]{0,80}"
    r"\blast (?:say|said|tell|told|speak|spoke|spoken|seen|heard|reported?|updated?|announced?)\b",
    re.IGNORECASE,
)


def wants_statement(question: str) -> bool:
    """Whether whole sentences answer: why something is, or what someone said about it.

    A short answer is worth no more than its sentence there (token F1 on the bundled questions 0.50
    and 0.50 for what was said, 0.46 and 0.45 for reasons), and less to a person.
    """
    return _STATEMENT.search(question) is not None


def wants_number(question: str) -> bool:
    """Whether a number answers: how many, how much, what the toll or the price is."""
    return _NUMBER.search(question) is not None


def office_of(question: str) -> str:
    """The office whose one holder answers, as its words begin: "chair" of "who chairs the EAEU".

    Empty if a question does not ask for the holder, or for one of several: a deputy, the first.
    """
    match = _OFFICE.search(question)
    if match is None or _NO_ONE_HOLDER.search(question):
        return ""
    return match["office"].lower()


def asks_for_latest(question: str) -> bool:
    """Whether a question asks how things stand now: "the latest", "currently", "who is now".

    Quotations do not count, and neither do "the last war", "until now" and "at the latest".
    """
    return _LATEST.search(_QUOTED.sub(" ", question)) is not None


def may_disagree(question: str) -> bool:
    """Whether a number or the holder of an office answers: only of these is it certain that two
    different answers exclude each other.
    """
    return wants_number(question) or bool(office_of(question))
