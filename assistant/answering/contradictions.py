"""Where dated articles answer one question with different numbers, or name different holders of
one office.

Reported only where it is sure: a false contradiction costs more trust than a missed one. So two
sentences must speak of the same thing (the question's names, the same thing counted, no other
years, places or tenses), and a rounding is no disagreement.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial

from assistant.answering.recency import certainly_later, moment, on_subject, words_of
from assistant.retrieval.question_types import office_of, wants_number
from assistant.schema import Article, Citation, Disagreement, Evidence, ReportedValue
from assistant.text.names import Vocabulary, names_of
from assistant.text.quantities import DAY, DECADE, ORDINAL, Number, figures_of, in_digits
from assistant.text.speech import same_speaker, speakers_of
from assistant.text.tokens import content_words, stem, stems, words

MOST_CLAIMS = 4
"""More different values than these are of different things."""

_COVERED = 0.6
"""Share of the question's words that a passage with its title must have; by hand."""

_SHARED = 2
"""Words that two sentences with their titles must share, beside the question's asking words."""

_APART = 0.15
"""By how much of itself a number that is "about", "nearly" or "more than" may be another."""

_ROUND_FROM = 100
"""Below this, 10 is not a rounding of 11."""

_ASKING = frozenset(
    map(stem, "many much number total latest current currently recent now today far".split())
)
_PEOPLE = frozenset(
    map(stem, "people person persons dead died killed deaths lives victims fatalities".split())
)
_DYING = frozenset(map(stem, ("died", "killed")))
_ROUNDED = re.compile(
    r"\b(?:about|around|some|nearly|almost|roughly|approximately|more than|over|fewer than|"
    r"less than|under|close to|up to|as many as)(?: the)? ?[$€£₽֏]?$",
    re.IGNORECASE,
)
_AT_LEAST = re.compile(r"\b(?:at least|a minimum of) ?[$€£₽֏]?$", re.IGNORECASE)
_NOT_NOW = re.compile(
    r"\b(?:will|would|could|may|might|expect\w*|forecast\w*|project(?:ed|ion)|estimat\w+|plan(?:s|ned)"
    r"|target\w*|initial\w*|original\w*|earlier|previous\w*"
    r"|until|last (?:year|month|week)|a (?:year|month|week) ago|compared)\b",
    re.IGNORECASE,
)
_SURVEY = re.compile(r"\b(?:poll\w*|survey\w*|respondents?|stud(?:y|ies)|census)\b", re.IGNORECASE)
"""The shares that two of them find are of different people, who were asked different things."""

_MORE = re.compile(r"^ ?(?:more|others?|further|additional)\b", re.IGNORECASE)
_SOME_OF = re.compile(r"^ of\b", re.IGNORECASE)
_FURTHER = re.compile(r"\b(?:another|other|further|additional) $", re.IGNORECASE)
_NOT_IN_OFFICE = (
    r"\b(?:former|outgoing|acting|interim|deputy|vice|ex|late|next|future)[ -](?:\w+ ){0,2}"
)
_LONGEST_NAME = 4


def disagreeing(
    question: str, evidence: Sequence[Evidence], articles: Mapping[str, Article]
) -> list[tuple[Evidence, str]]:
    """Sentences of dated articles that answer with different values, each with its value, in the
    order of the evidence; none where the articles agree or it is not sure.

    Args:
        question: one that `may_disagree`.
        evidence: sentences that answer, most probable first.
        articles: by id, at least those of the evidence.
    """
    read = _number_in if wants_number(question) else partial(_holder_in, question)
    subject = on_subject(question, evidence, articles)
    kept: list[_Said] = []
    for said in _of_each_article(subject, articles, read):
        same = next((at for at, other in enumerate(kept) if said.agrees_with(other)), None)
        if same is None:
            kept.append(said)
        elif certainly_later(said.article.published, kept[same].article.published):
            kept[same] = said
    sure = [one for one in kept if any(one.contradicts(other, question) for other in kept)]
    if not 2 <= len(sure) <= MOST_CLAIMS:
        return []
    pairs = [(one, other) for one in sure for other in sure if one is not other]
    if not all(one.contradicts(other, question) for one, other in pairs):
        return []
    return [(one.evidence, one.value) for one in sure]


def disagreement_of(
    differing: Sequence[tuple[Evidence, str]], citations: Sequence[Citation]
) -> Disagreement:
    """What `disagreeing` found as it is shown: the claims of the sentences that are cited, the
    oldest first.
    """
    claims = [
        ReportedValue(
            citation.number, value, citation.source or citation.title, citation.published or ""
        )
        for one, value in differing
        for citation in citations
        if (citation.article_id, citation.start) == (one.passage.article_id, one.start)
    ]
    claims.sort(key=lambda claim: moment(claim.published) or datetime.max.replace(tzinfo=UTC))
    *before, last = claims
    newest = all(certainly_later(last.published, claim.published) for claim in before)
    return Disagreement(tuple(claims), last.number if newest else None)


@dataclass(frozen=True)
class _Said:
    """What one article's sentence answers."""

    evidence: Evidence
    article: Article
    value: str
    """As it is shown, see `ReportedValue.value`."""
    number: Number | None = None
    """None: it is a name."""
    rounded: bool = False
    counted: tuple[str, ...] = ()
    """Stems of the two words after the number: "miner" and "die" of "nine miners died"."""

    @cached_property
    def here(self) -> Vocabulary:
        """The words of its passage and title."""
        return words_of(self.evidence, self.article)

    @cached_property
    def text(self) -> str:
        """The sentence with its numbers in digits: "Nine" is no name, where it begins with it."""
        return in_digits(self.evidence.text)

    @cached_property
    def about(self) -> AbstractSet[str]:
        """Stems of its sentence and title without its value."""
        own = set(map(stem, words(self.value)))
        return set(stems(f"{self.article.title} {self.text}")) - own - _ASKING

    @cached_property
    def names(self) -> AbstractSet[str]:
        """Words of names in its sentence and title, without its value and the speaker."""
        speakers = [self.evidence.speaker or "", *speakers_of(self.text)]
        aside = set(words(" ".join([self.value, *speakers])))
        found = [*names_of(self.text), *names_of(self.article.title)]
        return {word for name in found for word in name.words} - aside

    @cached_property
    def when(self) -> tuple[AbstractSet[int], AbstractSet[tuple[int, int | None]], bool]:
        """Its years, its days as month and day, and whether it speaks of another time than now."""
        found = figures_of(self.evidence.text)
        years = {date.year for date in found.dates if date.year}
        years |= {int(v) for n in found.numbers if _a_year(n) for v in n.values}
        days = {(date.month, date.day) for date in found.dates}
        return years, days, _NOT_NOW.search(self.evidence.text) is not None

    def agrees_with(self, other: "_Said") -> bool:
        """Whether both say one value, as far as it was rounded."""
        if self.number is None or other.number is None:
            mine, theirs = set(words(self.value)), set(words(other.value))
            near = same_speaker(self.value, other.value)
            return near or mine <= theirs or theirs <= mine
        if self.number.unit != other.number.unit:
            return False
        rounded = self.rounded or other.rounded
        return any(
            _near(a, b, rounded=rounded) for a in self.number.values for b in other.number.values
        )

    def contradicts(self, other: "_Said", question: str) -> bool:
        """Whether the two surely say different values of the same thing."""
        if self.agrees_with(other) or not _of_one_thing(self, other, question):
            return False
        if self.number is None or other.number is None:
            mine, theirs = (words(one.evidence.text) for one in (self, other))
            return words(other.value)[-1] not in mine and words(self.value)[-1] not in theirs
        return self.number.unit == other.number.unit and _counts_alike(self, other, question)


def _of_each_article(
    evidence: Sequence[Evidence],
    articles: Mapping[str, Article],
    read: Callable[[Evidence, Article], _Said | None],
) -> list[_Said]:
    """The value that each dated article gives, without those that give several."""
    found: dict[str, list[_Said]] = {}
    for one in evidence:
        article = articles[one.passage.article_id]
        said = read(one, article) if moment(article.published) else None
        if said is not None:
            found.setdefault(article.id, []).append(said)
    each = found.values()
    return [said[0] for said in each if all(other.agrees_with(said[0]) for other in said)]


def _number_in(evidence: Evidence, article: Article) -> _Said | None:
    """The number of the short answer; None unless it has exactly one."""
    answered = figures_of(evidence.answer)
    if len(answered.numbers) != 1 or answered.dates:
        return None
    text = in_digits(evidence.text)
    number = next(
        (n for n in figures_of(evidence.text).numbers if n.values == answered.numbers[0].values),
        None,
    )
    if number is None or number.unit in (ORDINAL, DECADE, DAY) or _a_year(number):
        return None
    place = re.search(rf"(?<![\w.,]){re.escape(number.text)}(?![\w])", text)
    if place is None:  # "5 million" stands there as "5 1000000"
        text = " ".join(evidence.text.split())
        place = re.search(rf"(?<![\w.,]){re.escape(number.text)}(?![\w])", text)
    if place is None or len(number.values) != 1:
        return None
    before, after = text[: place.start()], text[place.end() :]
    if _MORE.search(after) or _FURTHER.search(before):
        return None
    if number.unit is None and _SOME_OF.search(after):
        return None
    after = re.split(r"[,.;:!?()“”\"]", after, maxsplit=1)[0]
    hedge = _ROUNDED.search(before) or _AT_LEAST.search(before)
    value = f"{hedge.group().lower()}{number.text}" if hedge else number.text
    counted = tuple(map(stem, content_words(after)[:2]))
    return _Said(evidence, article, value, number, _ROUNDED.search(before) is not None, counted)


def _holder_in(question: str, evidence: Evidence, article: Article) -> _Said | None:
    """The name of the short answer, if it has just one and its sentence names the office, too."""
    office = office_of(question)
    named = names_of(evidence.answer)
    held, not_held = rf"\b{re.escape(office)}", rf"{_NOT_IN_OFFICE}{re.escape(office)}"
    if len(named) != 1 or not re.search(held, evidence.text, re.IGNORECASE):
        return None
    if re.search(not_held, evidence.text, re.IGNORECASE):
        return None
    value = " ".join(named[0].written)
    if not 1 <= len(named[0].words) <= _LONGEST_NAME or named[0].words[-1] in words(question):
        return None
    return _Said(evidence, article, value)


def _of_one_thing(one: _Said, other: _Said, question: str) -> bool:
    asked = set(stems(question)) - _ASKING - _PEOPLE
    if any(len(asked & said.here.stems) < _COVERED * len(asked) for said in (one, other)):
        return False
    if len(one.about & other.about) < _SHARED:
        return False
    if any(
        s.number and s.number.unit == "percent" and _SURVEY.search(s.text) for s in (one, other)
    ):
        return False
    if _elsewhere(one, other) and _elsewhere(other, one):
        return False
    return _at_one_time(one, other, question)


def _elsewhere(one: _Said, other: _Said) -> bool:
    """Whether a sentence has a name that the other's passage lacks."""
    return any(not other.here.has(name) for name in one.names)


def _at_one_time(one: _Said, other: _Said, question: str) -> bool:
    asked = {int(v) for n in figures_of(question).numbers if _a_year(n) for v in n.values}
    years, days, not_now = one.when
    other_years, other_days, other_not_now = other.when
    if (years | asked) != (other_years | asked) or not_now != other_not_now:
        return False
    return not days or not other_days or bool(days & other_days)


def _counts_alike(one: _Said, other: _Said, question: str) -> bool:
    """Whether both numbers count the same thing, or what the question asks for: "11 people" and
    "nine miners", but not "30 rescuers" or a share of others.
    """
    if one.number and one.number.unit not in (None, "percent"):
        return True
    if one.counted[:1] == other.counted[:1]:
        return True
    asked = set(stems(question)) | _PEOPLE
    things = [(set(said.counted[:1]), set(said.counted[1:])) for said in (one, other)]
    return all(not first or first & asked or then & asked - _DYING for first, then in things)


def _a_year(number: Number) -> bool:
    return number.unit is None and bool(re.fullmatch(r"(?:1[89]|20)\d\d", number.text))


def _near(one: float, other: float, *, rounded: bool) -> bool:
    """Whether two numbers agree: equal, about equal, or one a rounding of the other."""
    if one == other:
        return True
    if rounded and abs(one - other) <= _APART * max(abs(one), abs(other)):
        return True
    coarse, fine = sorted((one, other), key=_digits)
    if min(abs(one), abs(other)) < _ROUND_FROM and coarse == int(coarse) and fine == int(fine):
        return False
    return coarse == _rounded_to(fine, _digits(coarse))


def _digits(number: float) -> int:
    """How many digits a number has without the zeros at its end: 2 of 1,200,000 and of 1.2."""
    return len(f"{number:.6f}".replace(".", "").strip("0")) or 1


def _rounded_to(number: float, digits: int) -> float:
    if number == 0:
        return 0.0
    return round(number, digits - 1 - math.floor(math.log10(abs(number))))
