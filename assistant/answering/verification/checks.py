"""Checks each claim of an answer against the passages it cites.

A quotation must stand in a cited passage letter by letter, each figure and name in some spelling,
and the passage must let the same person speak. An `Entailment` judges whether the passage says the
claim at all; without one, the share of the claim's words that the passage has decides.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from assistant.answering.verification.claims import Claim, claims_of
from assistant.answering.verification.source_passage import CitedPassage, quotations_of
from assistant.schema import Check, Citation, Verdict
from assistant.text.abbreviations import mine_abbreviations
from assistant.text.names import Name, names_of, ordinary
from assistant.text.quantities import figures_of
from assistant.text.speech import attributed_to
from assistant.text.tokens import stems

ENTAILED = 0.5
"""Probability below which a sentence is weak; `ReaderEntailment` is fitted to it."""

COVERED = 0.5
"""The same for the share of a sentence's words, where there is no `Entailment`; set by hand."""

ELSEWHERE = 0.8
"""A claim points to the wrong source if that does not cover it and another source has this share of
its words; set by hand."""

FRAME = 3
"""Content words around a quotation that need no check: "Foreign Minister Keller said"."""

Sources = Sequence[CitedPassage]

_PART_END = re.compile(r"[;:,] | and ")


class Entailment(Protocol):
    """Judges whether passages support sentences; users may bring their own."""

    def scores(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        """For each sentence and passage the probability, 0 to 1, that the passage supports the
        sentence; shape (len(pairs),).
        """


@dataclass(frozen=True)
class _Finding:
    """What is wrong with a claim."""

    reason: str
    verdict: Verdict = "unsupported"
    fabricated: bool = False


_LINKED = _Finding("it points to an address; sources are named by their numbers", fabricated=True)
_TARGET = re.compile(
    r"\]\(\s*\S|<\s*(?:a|img|iframe|script|form|svg|link)\b|\bjavascript:", re.IGNORECASE
)


@dataclass(frozen=True)
class _Examined:
    """A claim, what is wrong with it, and the sources that are to support it."""

    claim: Claim
    findings: tuple[_Finding, ...]
    sources: tuple[CitedPassage, ...] = ()
    """Empty if there is nothing to judge: it stands there word for word, or has failed already."""


def verify(
    text: str, citations: Sequence[Citation], entails: Entailment | None = None
) -> tuple[Check, ...]:
    """A check for each claim of an answer, in order.

    Apart from the judge, takes time linear in the text. Any text may be given.

    Args:
        text: as `Answer.text`: quoted sentences under bylines, or prose with marks.
        citations: of the answer; their `context`, title, outlet and date are the sources.
        entails: judges the sentences that are not quotations; without it, their words are counted.

    Raises:
        ModelError: the judge's model cannot be loaded.
    """
    known = mine_abbreviations(text)  # of no use unless the long form is in the source
    for citation in citations:
        known |= mine_abbreviations(f"{citation.title}\n{citation.context}")
    examiner = _Examiner({c.number: CitedPassage(c, known) for c in citations})
    examined = [
        _Examined(claim, (_LINKED,))
        if _TARGET.search(text[claim.start : claim.end])
        else examiner.examine(claim)
        for claim in claims_of(text, citations)
    ]
    weak = _unsupported(examined, entails)
    return tuple(_check(one, reason) for one, reason in zip(examined, weak, strict=True))


class _Examiner:
    """Examines the claims in order, because "he said" refers to an earlier one."""

    def __init__(self, sources: Mapping[int, CitedPassage]) -> None:
        self._sources = sources
        self._names = {word for source in sources.values() for word in source.names.capitals}
        self._speaker: str | None = None

    def examine(self, claim: Claim) -> _Examined:
        unknown = [n for n in claim.cited if n not in self._sources]
        if unknown:
            finding = _Finding(f"there is no source {_marks(unknown)}", fabricated=True)
            return _Examined(claim, (finding,))
        cited = [self._sources[n] for n in claim.cited]
        sources = cited or list(self._sources.values())
        verbatim = any(source.quotes(claim.text) for source in sources)
        speakers = attributed_to(claim.text, self._speaker)
        self._speaker = speakers[0] if speakers else self._speaker
        findings = [] if verbatim else list(self._of_text(claim, sources, speakers[:1]))
        verbatim = verbatim or _only_quotes(claim.text)
        if not cited and not any(finding.verdict == "unsupported" for finding in findings):
            findings = [_Finding("no source is named", "weak")]
        judged = () if verbatim or findings else cited
        return _Examined(claim, tuple(findings), tuple(judged))

    def _of_text(
        self, claim: Claim, sources: Sources, speakers: Sequence[str]
    ) -> Iterator[_Finding]:
        """What is wrong with a claim that is not in its sources word for word."""
        if claim.kind == "quotation":
            yield self._not_quoted(claim.text, claim.cited)
            return
        rest = claim.text
        quotations = quotations_of(claim.text)
        for quotation in quotations:
            if any(source.quotes(quotation) for source in sources):
                rest = rest.replace(quotation, " ")
            else:
                yield self._not_quoted(quotation, claim.cited)
        yield from self._missing_figures(rest, sources, claim.cited)
        yield from self._missing_names(rest, sources, claim.cited)
        if claim.kind == "prose":
            for who in speakers:
                yield from _wrong_speaker(who, claim, quotations, sources)
            yield from self._elsewhere(claim, sources)

    def _not_quoted(self, quotation: str, cited: Sequence[int]) -> _Finding:
        where = [n for n, source in self._sources.items() if source.quotes(quotation)]
        if where and cited:
            return _Finding(f"the quotation is in {_marks(where[:1])}, not in {_marks(cited)}")
        short = _shortened(quotation)
        return _Finding(f"“{short}” is not said in {_named(cited)}", fabricated=True)

    def _missing_figures(
        self, said: str, sources: Sources, cited: Sequence[int]
    ) -> Iterator[_Finding]:
        figures = figures_of(said, from_two=True)
        lacking = [set(source.figures.lacking(figures)) for source in sources]
        written = [n.text for n in figures.dates] + [n.text for n in figures.numbers]
        for text in dict.fromkeys(written):
            if all(text in one for one in lacking):
                yield _Finding(f"“{text}” is not in {_named(cited)}")

    def _missing_names(
        self, said: str, sources: Sources, cited: Sequence[int]
    ) -> Iterator[_Finding]:
        for name in names_of(said):
            known = [any(source.names.has(word) for source in sources) for word in name.words]
            missing = [at for at, found in enumerate(known) if not found]
            first = not name.begins or self._begins_with_name(name)
            certain = [at for at in missing if at or first]
            if certain:
                yield _Finding(f"“{name.written[certain[0]]}” is not in {_named(cited)}")
            elif not missing and not _joined(name, sources):
                yield _Finding(f"“{' '.join(name.written)}” is not in {_named(cited)}")
            elif missing and not ordinary(name.words[0]):
                yield _Finding(f"“{name.written[0]}” is not in {_named(cited)}", "weak")

    def _begins_with_name(self, name: Name) -> bool:
        """Whether the first word of a sentence is a name, not an ordinary word with a capital."""
        first, written = name.words[0], name.written[0]
        before_name = len(name.words) > 1 and not ordinary(first)
        return first in self._names or before_name or written[1:] != written[1:].lower()

    def _elsewhere(self, claim: Claim, sources: Sources) -> Iterator[_Finding]:
        said = stems(claim.text)
        if not claim.cited or max(source.covers(said) for source in sources) >= COVERED:
            return
        best = max(self._sources, key=lambda number: self._sources[number].covers(said))
        if self._sources[best].covers(said) >= ELSEWHERE:
            yield _Finding(f"this is in {_marks([best])}, not in {_marks(claim.cited)}")


def _wrong_speaker(
    who: str, claim: Claim, quotations: Sequence[str], sources: Sources
) -> Iterator[_Finding]:
    said = set(stems(claim.text)) - set(stems(who))
    others: list[str] = []
    for source in sources:
        places = source.places(quotations, said)
        found = [source.spoken.other_speaker(who, at) for at in places]
        if None in found or source.says_itself(who):
            return
        others += [name for name in found if name]
    if others:
        yield _Finding(f"in {_named(claim.cited)}, {others[0]} says so, not {who}")


def _only_quotes(sentence: str) -> bool:
    """Whether a sentence adds hardly more to its quotations than who speaks."""
    rest = sentence
    for quotation in quotations_of(sentence):
        rest = rest.replace(quotation, " ")
    return rest != sentence and len(stems(rest)) <= FRAME


def _joined(name: Name, sources: Sources) -> bool:
    """Whether some source joins each word of a name to the next."""
    return all(
        any(source.names.joins(first, second) for source in sources)
        for first, second in zip(name.words, name.words[1:], strict=False)
    )


def _unsupported(examined: Sequence[_Examined], entails: Entailment | None) -> list[str | None]:
    """For each claim why its sources may not say it; None if they do, or if it is not judged."""
    asked = [(part, source) for one in examined for part in _parts(one) for source in one.sources]
    if entails is None:
        scores, enough = [source.covers(stems(part)) for part, source in asked], COVERED
    else:
        pairs = [(part, source.text) for part, source in asked]
        scores, enough = [float(s) for s in entails.scores(pairs)] if pairs else [], ENTAILED
    rest = iter(scores)
    found: list[str | None] = []
    for one in examined:
        best = [max([next(rest) for _ in one.sources], default=1.0) for _ in _parts(one)]
        weak = max(best[0], min(best[1:], default=0.0)) < enough
        found.append(f"{_named(one.claim.cited)} may not say this" if weak else None)
    return found


def _parts(one: _Examined) -> list[str]:
    """What is judged: the claim, and if it has several sources also each part of it: no source says
    all of "Ann leads the one, Bob the other".
    """
    whole = one.claim.text
    if len(one.sources) < 2:
        return [whole]
    return [whole, *(part for part in _PART_END.split(whole) if len(stems(part)) > 1)]


def _check(one: _Examined, weak: str | None) -> Check:
    claim = one.claim
    findings = one.findings or ((_Finding(weak, "weak"),) if weak else ())
    verdicts = {finding.verdict for finding in findings}
    verdict: Verdict = "unsupported" if "unsupported" in verdicts else "weak"
    reasons = tuple(dict.fromkeys(finding.reason for finding in findings))
    fabricated = any(finding.fabricated for finding in findings)
    found = verdict if findings else "verified"
    return Check(claim.start, claim.end, found, claim.cited, reasons, fabricated)


def _marks(numbers: Sequence[int]) -> str:
    return " or ".join(f"[{number}]" for number in numbers)


def _named(cited: Sequence[int]) -> str:
    return _marks(cited) if cited else "any source"


def _shortened(quotation: str, limit: int = 60) -> str:
    return quotation if len(quotation) <= limit else f"{quotation[:limit].rsplit(' ', 1)[0]} …"
