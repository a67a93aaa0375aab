"""What a question asks for."""

import re

_STATEMENT = re.compile(
    r"^\W*why\b|\bhow come\b|\breasons?\b"
    r"|\b(what|how)\b.*\b(say|says|said|think|thinks|thought|tell|tells|told|claims?|claimed|"
    r"describes?|described|comments?|commented|reacts?|reacted|responds?|responded|explains?|"
    r"explained|accuses?|accused|opinion|view of|views on|position on|stance|attitude)\b",
    re.IGNORECASE,
)


def wants_statement(question: str) -> bool:
    """Whether whole sentences answer: why something is, or what someone said about it.

    The words that a model cuts out of them are worth no more than the sentence (token F1 on the
    bundled questions 0.50 and 0.50 of what was said, 0.46 and 0.45 of reasons), and less to a
    reader.
    """
    return _STATEMENT.search(question) is not None
