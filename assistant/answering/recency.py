"""The order of articles in time: which is the newest, and which copies are later versions."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from assistant.schema import Article, Evidence, ScoredPassage
from assistant.text.names import Vocabulary, vocabulary
from assistant.text.tokens import content_words, words

MOST_VERSIONS = 8
"""Most copies that are read beside the candidates: a third more reading."""


def with_versions(candidates: Sequence[ScoredPassage]) -> tuple[ScoredPassage, ...]:
    """The candidates, each followed by its copies with other words, at most `MOST_VERSIONS` in all:
    one word in twenty may be the new number, or the name of the new chair.
    """
    found: list[ScoredPassage] = []
    most = len(candidates) + MOST_VERSIONS
    for left, candidate in zip(range(len(candidates) - 1, -1, -1), candidates, strict=True):
        found.append(candidate)
        said = {frozenset(words(candidate.passage.text))}
        for copy in candidate.copies:
            own = frozenset(words(copy.text))
            if own not in said and len(found) + left < most:
                found.append(replace(candidate, passage=copy, copies=()))
                said.add(own)
    return tuple(found)


def moment(published: str | None) -> datetime | None:
    """When an article was published; None where that is not known.

    A time without a zone counts as UTC, a day without a time as its midnight: within one day no
    order is better than another, and this one is always the same.
    """
    try:
        found = datetime.fromisoformat(published or "")
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def certainly_later(one: str | None, other: str | None) -> bool:
    """Whether the first was published after the other: by instant if both give time and zone,
    else by day.
    """
    first, second = moment(one), moment(other)
    if one is None or other is None or first is None or second is None:
        return False
    if all(datetime.fromisoformat(text).tzinfo for text in (one, other)):
        return first > second
    return one[:10] > other[:10]


def words_of(evidence: Evidence, article: Article) -> Vocabulary:
    """The words of a sentence's passage and of its article's title."""
    return vocabulary([article.title, evidence.passage.text], {})


def on_subject(
    question: str, evidence: Sequence[Evidence], articles: Mapping[str, Article]
) -> list[Evidence]:
    """The sentences whose passages have the most names of the question: the newest about Caldmouth
    says nothing of Caldmoor.

    A question may be typed without capitals: its names are the words that some passage capitalises.

    Args:
        articles: by id, at least those of the evidence.
    """
    told = [words_of(one, articles[one.passage.article_id]) for one in evidence]
    named = [word for word in content_words(question) if any(word in t.capitals for t in told)]
    covered = [sum(map(one.has, named)) for one in told]
    most = max(covered, default=0)
    return [one for one, count in zip(evidence, covered, strict=True) if count == most]


def newest_first(
    question: str, evidence: Sequence[Evidence], articles: Mapping[str, Article]
) -> list[Evidence]:
    """The sentences of the newest article first; then those without a date, and last what is not
    on the question's subject.

    Args:
        evidence: most probable first; the order is kept within an article.
        articles: by id, at least those of the evidence.
    """
    subject = on_subject(question, evidence, articles)

    def age(one: Evidence) -> float:
        found = moment(articles[one.passage.article_id].published)
        return float("inf") if found is None else -found.timestamp()

    return [*sorted(subject, key=age), *(one for one in evidence if one not in subject)]


def differ_in_time(evidence: Sequence[Evidence], articles: Mapping[str, Article]) -> bool:
    """Whether the articles of these sentences were published at more than one time."""
    times = {moment(articles[one.passage.article_id].published) for one in evidence}
    return len(times - {None}) > 1
