"""Who is said to have said something, in a sentence of an answer and in its source."""

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass

from assistant.text.tokens import STOP_WORDS, fold, stems

_STATING = (
    "said|says|added|adds|told|argued|explained|emphasized|emphasised|stressed|noted|warned|"
    "claimed|insisted|stated|announced|declared|blamed|accused|expressed|suggested|acknowledged|"
    "admitted|denied|pointed out|went on"
)
"""Verbs after which a sentence surely states something: only they name the speaker of a sentence
that is quoted, because "Armenia asked for help" is no statement."""

SPEECH_VERBS = (
    rf"{_STATING}|say|saying|tells|argues|explains|emphasi[sz]es|stresses|notes|warns|claims|insists|"
    "states|announces|declares|blames|accuses|suggests|denies|points out|goes on|remarked|replied|"
    "asked|wrote|writes|called|calls|described|describes|complained|concluded|confirmed|recalled|"
    "reported|reports|thinks|believes|promised|criticised|criticized"
)
"""All verbs of reported speech, as alternatives of a pattern."""

_ADVERB = r"(?:(?:also|then|later|once|has|had|have|again|further|repeatedly|\w+ly) ){0,2}"
_WORD = r"[^\W\d_a-zà-öø-ÿ][\w’'-]*+"
_PERSON = rf"{_WORD}(?: {_WORD}){{0,5}}"
_BESIDE = r"(?:, (?!who |which )[^,.;:“”\"]{1,80},)?"
_SPEECH = re.compile(
    rf"\b(?!(?:He|She|They) )(?P<before>{_PERSON}){_BESIDE} {_ADVERB}(?:{SPEECH_VERBS})\b"
    rf"|(?:[,.!?]?[”\"»’]|,) (?:{SPEECH_VERBS}) (?P<after>{_PERSON})"
    rf"|\b[Aa]ccording to (?:the )?(?P<according>{_PERSON})"
    rf"|\b(?P<pronoun>[Hh]e|[Ss]he|[Tt]hey) {_ADVERB}(?:{SPEECH_VERBS})\b"
)
_CLAUSE = 0.4
"""Share of a clause's words that a source sentence must have to be where it was said; by hand."""

_NEAR = 1
"""Sentences before and after one that may name its speaker."""


def speakers_of(sentence: str) -> list[str]:
    """Everyone who is named as speaking, as named there; "he said" names nobody."""
    found = (m["before"] or m["after"] or m["according"] for m in _SPEECH.finditer(sentence))
    return [name for name in map(_bare, filter(None, found)) if name]


def _bare(name: str) -> str:
    kept = re.sub(r"[’']s?$", "", name).split()
    while kept and kept[0].lower() in STOP_WORDS:
        kept = kept[1:]
    return " ".join(kept)


def attributed_to(sentence: str, before: str | None) -> list[str]:
    """The speakers that a sentence of an answer names.

    Args:
        before: the speaker named last before it, to whom "he said" refers.
    """
    named = speakers_of(sentence)
    if named or before is None:
        return named
    return [before] if any(m["pronoun"] for m in _SPEECH.finditer(sentence)) else []


def same_speaker(one: str, other: str) -> bool:
    """Whether two names may be of one person: equal last words, or all words of one in the other.

    A people stands for its country: "Russia" for "Russian Deputy Foreign Minister Galuzin".
    """
    first, second = fold(one).split(), fold(other).split()
    if not first or not second:
        return False
    return (
        first[-1] == second[-1]
        or set(first) <= set(second)
        or set(second) <= set(first)
        or any(b[:5] == first[-1][:5] for b in second if len(b) > 4)
        or any(a[:5] == second[-1][:5] for a in first if len(a) > 4)
    )


@dataclass(frozen=True)
class Spoken:
    """The sentences of a passage with the speakers that each names."""

    sentences: tuple[str, ...]
    stems: tuple[Set[str], ...]
    speakers: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, sentences: Sequence[str]) -> "Spoken":
        return cls(
            tuple(sentences),
            tuple(frozenset(stems(sentence)) for sentence in sentences),
            tuple(tuple(speakers_of(sentence)) for sentence in sentences),
        )

    def places(self, said: Set[str]) -> list[int]:
        """The sentences with the most of these stems; none where none has enough of them."""
        shares = [len(said & own) / max(len(said), 1) for own in self.stems]
        most = max(shares, default=0.0)
        return [at for at, share in enumerate(shares) if share >= max(_CLAUSE, 0.9 * most)]

    def other_speaker(self, who: str, at: int) -> str | None:
        """Whom the passage names for a sentence when it is another; None when it fits or is open.

        A sentence that names no speaker may be of whoever is named beside it, or last before it.
        """
        own = self.speakers[at]
        if own:
            return None if any(self._fits(who, name) for name in own) else own[0]
        if any(self._mentions(who, near) for near in range(at - _NEAR, at + _NEAR + 1)):
            return None
        for before in range(at - 1, -1, -1):
            if self._mentions(who, before):
                return None
            if self.speakers[before]:
                return self.speakers[before][-1]
        return None

    def _mentions(self, who: str, at: int) -> bool:
        if not 0 <= at < len(self.sentences):
            return False
        return fold(who.rsplit(maxsplit=1)[-1]) in fold(self.sentences[at])

    def _fits(self, who: str, name: str) -> bool:
        """Whether the two are one, also by what the passage calls either elsewhere."""
        return any(
            same_speaker(one, other) for one in self._calls(who) for other in self._calls(name)
        )

    def _calls(self, name: str) -> set[str]:
        last = re.escape(name.rsplit(maxsplit=1)[-1])
        called = re.compile(rf"(?:{_WORD} ){{1,5}}{last}\b")
        return {name, *(m.group() for s in self.sentences for m in called.finditer(s))}


# ---- the speaker that a sentence names ---------------------------------------------------------

_SHORT_NAME = r"[A-Z][\w’'-]+(?: [A-Z][\w’'-]+){0,3}"
_SPEAKER = re.compile(
    rf"(?P<before>{_SHORT_NAME}) (?:{_STATING})\b|[”\"’] (?:{_STATING}) (?P<after>{_SHORT_NAME})"
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


_BESIDE_QUOTATION = re.compile(
    rf"[,.?!][”\"] (?:([A-Z][\w’'-]+) (?:{_STATING})|(?:{_STATING}) ([A-Z][\w’'-]+))\b"
)


def quoted_speakers(text: str) -> list[str]:
    """Whoever is named beside a quotation as its speaker, by one word, as often as named; "the
    European Union said" without a quotation speaks for nobody in particular.
    """
    return [before or after for before, after in _BESIDE_QUOTATION.findall(text)]
