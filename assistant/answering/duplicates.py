"""Near-duplicates in an answer: articles that are copies of each other count as one source.

A sentence that several copies have is quoted from one of them, and the citation names the others. A
sentence that only one of them has, because a reprint added or a later version changed it, is quoted
from there.
"""

from collections.abc import Sequence
from dataclasses import replace

from assistant.schema import Citation, Copy, Evidence, Passage, ScoredPassage
from assistant.store.store import Store
from assistant.text.sentences import sentences_of
from assistant.text.similarity import units

SAME_SENTENCE = 0.6
"""Jaccard similarity of the words from which two sentences of copies are versions of each other.
With one word in twelve exchanged 0.99 of sentences reach it; 0.01 of sentences reach it with
another one of their article (news of 2022)."""

MOST_CREDITED = 20
"""Most copies of an article in which a sentence is looked up."""

_TURNS = frozenset("no not never none nor neither without cannot t".split())
"""Negations; "t" is what is left of "isn't"."""

_Sentence = tuple[Passage, int, int, frozenset[str]]
"""A sentence's passage, its offsets in the article, its words."""


class Reprints:
    """The copies among the articles of one answer; made for each answer.

    Args:
        candidates: the passages that were found. An article without one does not represent others:
            a filter may have left it out.
    """

    def __init__(self, store: Store, candidates: Sequence[ScoredPassage]) -> None:
        self._store = store
        found = [p for c in candidates for p in (c.passage, *c.copies)]
        self._found = list(dict.fromkeys(passage.article_id for passage in found))
        self._linked = store.copies.among(self._found)
        self._chosen: list[str] = []
        self._sentences: dict[str, list[_Sentence]] = {}

    def merged(self, evidence: Sequence[Evidence]) -> list[Evidence]:
        """The sentences, each once, as the articles that represent their copies have them."""
        if not self._linked:
            return list(evidence)
        moved: dict[tuple[str, int], Evidence] = {}
        for one in map(self.represented, evidence):
            moved.setdefault((one.passage.article_id, one.start), one)
        return list(moved.values())

    def represented(self, evidence: Evidence) -> Evidence:
        """The sentence in the article that represents the copies that have it.

        That is one that represents them in this answer already; else the one published first,
        because the others took it from there; without dates, or with equal ones, the one that ranks
        best.
        """
        own = evidence.passage.article_id
        linked = self._linked.get(own, ())
        if not linked:
            return evidence
        ids = {own, *(copy.article_id for copy in linked)}
        earlier = [i for i in self._chosen if i in ids]
        ranked = [i for i in (own, *self._found) if i in ids and i not in earlier]
        for article_id in (*earlier, *sorted(dict.fromkeys(ranked), key=self._day)):
            there = self._there(evidence, article_id)
            if there is not None:
                if article_id not in self._chosen:
                    self._chosen.append(article_id)
                return there
        return evidence

    def credited(self, citation: Citation) -> Citation:
        """The citation with the copies of its article that also have the sentence."""
        copies = self._linked.get(citation.article_id, ())[:MOST_CREDITED]
        return replace(citation, also=tuple(c for c in copies if self._says(c, citation.quote)))

    def _day(self, article_id: str) -> str:
        """When an article was published, for sorting; articles without a date come last."""
        article = self._store.article(article_id)
        published = article.published if article is not None else None
        return published[:10] if published else "9999"

    def _there(self, evidence: Evidence, article_id: str) -> Evidence | None:
        """The sentence as another article has it; None if that lacks it or its short answer."""
        if article_id == evidence.passage.article_id:
            return evidence
        found = self._find(evidence.text, article_id)
        if found is None:
            return None
        passage, start, end, said = found
        if not set(units(evidence.answer)) <= said:
            return None
        text = passage.text[start - passage.start : end - passage.start]
        answer = evidence.answer if evidence.answer in text else ""
        return replace(evidence, passage=passage, start=start, end=end, text=text, answer=answer)

    def _says(self, copy: Copy, quote: str) -> bool:
        return self._find(quote, copy.article_id) is not None

    def _find(self, text: str, article_id: str) -> _Sentence | None:
        """The sentence of an article that is a version of this one."""
        wanted = frozenset(units(text))
        best, nearest = None, SAME_SENTENCE
        for sentence in self._of(article_id):
            alike = len(wanted & sentence[3]) / max(len(wanted | sentence[3]), 1)
            if alike >= nearest and _telling(wanted) == _telling(sentence[3]):
                best, nearest = sentence, alike
        return best

    def _of(self, article_id: str) -> list[_Sentence]:
        if article_id not in self._sentences:
            self._sentences[article_id] = [
                (passage, start, end, frozenset(units(passage.text[start - at : end - at])))
                for passage in self._store.passages_of(article_id)
                for at in (passage.start,)
                for start, end in sentences_of(passage)
            ]
        return self._sentences[article_id]


def _telling(words: frozenset[str]) -> frozenset[str]:
    """The words that must be the same: figures and negations."""
    return frozenset(word for word in words if word in _TURNS or any(map(str.isdigit, word)))
