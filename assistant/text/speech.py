"""Speakers: to whom a sentence of an answer or of its source attributes a statement."""

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass
from itertools import dropwhile

from assistant.text.tokens import STOP_WORDS, fold, stems

_STATING = (
    "said|says|added|adds|told|argued|explained|emphasized|emphasised|stressed|noted|warned|"
    "claimed|insisted|stated|announced|declared|blamed|accused|expressed|suggested|acknowledged|"
    "admitted|denied|pointed out|went on"
)
"""Verbs that always introduce a statement. Only they name the speaker of a quoted sentence, because
"Armenia asked for help" is not a statement."""

SPEECH_VERBS = (
    rf"{_STATING}|say|saying|tells|argues|explains|emphasi[sz]es|stresses|notes|warns|claims|insists|"
    "states|announces|declares|blames|accuses|suggests|denies|points out|goes on|remarked|replied|"
    "asked|wrote|writes|called|calls|described|describes|complained|concluded|confirmed|recalled|"
    "reported|reports|thinks|believes|promised|criticised|criticized"
)
"""All verbs of reported speech, as the alternatives of a regular expression."""

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
"""Least share of a clause's words that its source sentence contains; chosen by hand."""

_NEAR = 1
"""How many sentences away from a sentence its speaker may be named."""


def speakers_of(sentence: str) -> list[str]:
    """Everyone whom a sentence names as speaking, in its words; nobody for "he said"."""
    found = (m["before"] or m["after"] or m["according"] for m in _SPEECH.finditer(sentence))
    return [name for name in map(_bare, filter(None, found)) if name]


def _bare(name: str) -> str:
    """The name without a possessive ending and leading stop words."""
    parts = re.sub(r"[’']s?$", "", name).split()
    return " ".join(dropwhile(lambda part: part.lower() in STOP_WORDS, parts))


def attributed_to(sentence: str, before: str | None) -> list[str]:
    """The speakers to whom a sentence of an answer attributes something.

    Args:
        before: the speaker named last before the sentence, to whom "he said" refers.
    """
    named = speakers_of(sentence)
    if named or before is None:
        return named
    return [before] if any(m["pronoun"] for m in _SPEECH.finditer(sentence)) else []


def same_speaker(one: str, other: str) -> bool:
    """Whether two names may denote one speaker: equal last words, or one's words all in the other.

    A country may stand for its people: "Russia" for "Russian Deputy Foreign Minister Galuzin".
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
        """Indexes of the sentences with the most of these stems, if any has enough of them."""
        shares = [len(said & own) / max(len(said), 1) for own in self.stems]
        most = max(shares, default=0.0)
        return [at for at, share in enumerate(shares) if share >= max(_CLAUSE, 0.9 * most)]

    def other_speaker(self, who: str, at: int) -> str | None:
        """The speaker of a sentence if it is not `who`; None if it is, or may be.

        A sentence that names no speaker may be by anyone named beside it or last before it.
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
        """Whether the two may be one speaker under any name that the passage gives them."""
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
    """The speaker that a sentence names ("…,” Galuzin said"); None for "he said"."""
    for match in _SPEAKER.finditer(sentence):
        parts = (match["before"] or match["after"]).split()
        if name := " ".join(dropwhile(_NOT_NAMES.__contains__, parts)):
            return name
    return None


_BESIDE_QUOTATION = re.compile(
    rf"[,.?!][”\"] (?:([A-Z][\w’'-]+) (?:{_STATING})|(?:{_STATING}) ([A-Z][\w’'-]+))\b"
)


def quoted_speakers(text: str) -> list[str]:
    """The one-word names of speakers beside quotations, in order and with repetitions.

    "The European Union said" without a quotation is no particular person's statement.
    """
    return [before or after for before, after in _BESIDE_QUOTATION.findall(text)]
