"""Who speaks in a sentence of reported speech."""

import re

_VERBS = (
    "said|says|added|adds|told|argued|explained|emphasized|emphasised|stressed|noted|warned|"
    "claimed|insisted|stated|announced|declared|blamed|accused|expressed|suggested|acknowledged|"
    "admitted|denied|pointed out|went on"
)
_PERSON = r"[A-Z][\w’'-]+(?: [A-Z][\w’'-]+){0,3}"
_SPEAKER = re.compile(
    rf"(?P<before>{_PERSON}) (?:{_VERBS})\b|[”\"’] (?:{_VERBS}) (?P<after>{_PERSON})"
)
_NOT_NAMES = frozenset(
    "A An And As But He Her His However I If In It Its No On She So That The Their There These "
    "They This Those We What When While Who You".split()
)


def speaker_of(sentence: str) -> str | None:
    """Who speaks in a sentence that names its speaker ("…,” Galuzin said"); None for "he said"."""
    for match in _SPEAKER.finditer(sentence):
        name = match.group("before") or match.group("after")
        kept = name.split()
        while kept and kept[0] in _NOT_NAMES:
            kept = kept[1:]
        if kept:
            return " ".join(kept)
    return None
