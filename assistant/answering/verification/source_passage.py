"""A cited passage, prepared for the checks of the claims that cite it."""

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property

from assistant.schema import Citation
from assistant.text.names import Vocabulary, vocabulary
from assistant.text.quantities import Figures, plain, source_figures
from assistant.text.sentences import split_sentences
from assistant.text.speech import Spoken, same_speaker
from assistant.text.tokens import stems, words

SHORTEST_QUOTATION = 3
"""Words; fewer in quotation marks are a name or a way of speaking."""

_QUOTED = re.compile(
    r"“([^“”]*)(?:”|$)|«([^«»]*)(?:»|$)|„([^„“”]*)(?:[“”]|$)|\"([^\"]*)(?:\"|$)"
    r"|(?<!\w)[‘']((?:[^‘’']|(?<=\w)[’'](?=\w))*)[’'](?!\w)"
)
_CUT = re.compile(r"\[[^\[\]]*\]|\(?(?:\.\s?\.\s?\.|…)\.?\)?")
"""An ellipsis, or an insertion in brackets: what stands before and after may lie apart."""

_INSERTED = re.compile(r"\[[^\[\]]*\] ?")
_EDGES = " .,;:!?-"


def quotations_of(sentence: str) -> list[str]:
    """What stands in quotation marks and has at least `SHORTEST_QUOTATION` words."""
    found = (next(filter(None, match.groups()), "") for match in _QUOTED.finditer(sentence))
    return [quotation for quotation in found if len(words(quotation)) >= SHORTEST_QUOTATION]


@dataclass(frozen=True)
class CitedPassage:
    """A citation with what the checks need of it; each part is made at its first use."""

    citation: Citation
    abbreviations: Mapping[str, str]

    @cached_property
    def text(self) -> str:
        """What a judge reads."""
        return f"{self.citation.title}\n{self.citation.context}"

    @cached_property
    def plain(self) -> tuple[str, ...]:
        """The passage as quotations are sought in it, with insertions in brackets and without."""
        context = self.citation.context
        return plain(context), plain(_INSERTED.sub("", context)), plain(self.citation.title)

    @cached_property
    def figures(self) -> Figures:
        return source_figures(self.text, self.citation.published)

    @cached_property
    def names(self) -> Vocabulary:
        return vocabulary(
            (self.text, self.citation.source or "", self.citation.published or ""),
            self.abbreviations,
        )

    @cached_property
    def stems(self) -> frozenset[str]:
        return frozenset(stems(self.text)) | self.names.stems

    @cached_property
    def spoken(self) -> Spoken:
        context = self.citation.context
        return Spoken.of([context[start:end] for start, end in split_sentences(context)])

    @cached_property
    def plain_sentences(self) -> tuple[str, ...]:
        return tuple(map(plain, self.spoken.sentences))

    def quotes(self, quotation: str) -> bool:
        """Whether the passage or its title has a quotation, its cut pieces in order."""
        pieces = _pieces(quotation)
        uncut = plain(quotation).strip(_EDGES)  # the passage may have the same brackets
        return any(_in_order([uncut], text) or _in_order(pieces, text) for text in self.plain)

    def says_itself(self, who: str) -> bool:
        """Whether the speaker is the outlet, or is named in the title and never in the passage."""
        speaks = any(same_speaker(who, name) for own in self.spoken.speakers for name in own)
        title = "" if speaks else self.citation.title
        return set(words(who)) <= {*words(self.citation.source or ""), *words(title)}

    def covers(self, said: Sequence[str]) -> float:
        """Share of these stems that the passage has; 1 of none."""
        return sum(stem in self.stems for stem in said) / len(said) if said else 1.0

    def places(self, quotations: Sequence[str], said: Set[str]) -> list[int]:
        """Its sentences that hold the quotations; without any, those that share most words."""
        pieces = [piece for quotation in quotations for piece in _pieces(quotation) if piece]
        held = [
            at
            for at, sentence in enumerate(self.plain_sentences)
            if any(piece in sentence for piece in pieces)
        ]
        return held or self.spoken.places(said)


def _pieces(quotation: str) -> list[str]:
    """The text between the cuts; empty at an end that is cut."""
    return [plain(piece).strip(_EDGES) for piece in _CUT.split(quotation)]


def _in_order(pieces: Sequence[str], text: str) -> bool:
    """Whether the pieces follow one another; only an end that is cut may lie within a word."""
    at = 0
    for number, piece in enumerate(pieces):
        while piece:
            start = text.find(piece, at)
            if start < 0:
                return False
            at = start + len(piece)
            begins = number > 0 or not text[start - 1 : start].isalnum()
            ends = number < len(pieces) - 1 or not text[at : at + 1].isalnum()
            if begins and ends:
                break
    return any(pieces)
