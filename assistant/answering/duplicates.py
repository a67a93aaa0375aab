"""Copies in an answer: articles that are copies of each other count as one source.

A sentence that stands in several of them is quoted from one, which is said to have been published
by the others, too. A sentence that stands in one of them only is quoted from there: what a reprint
adds, or a later version puts otherwise, is nobody's copy.
"""

from collections.abc import Sequence
from dataclasses import replace

from assistant.schema import Citation, Copy, Evidence, Passage, ScoredPassage
from assistant.store.store import Store
from assistant.text.sentences import sentences_of
from assistant.text.similarity import units

SAME_SENTENCE = 0.6
"""Jaccard similarity of the words of two sentences of copies from which one is the other, edited.
With one word in twelve exchanged 0.99 of sentences keep it; of an article's sentences 0.01 have
another in it that is as near (news of 2022)."""

MOST_CREDITED = 20
"""Copies of an article that are looked at for a sentence."""

_TURNS = frozenset("no not never none nor neither without cannot t".split())
"""Words that turn a sentence into its opposite; "t" is what is left of "isn't"."""

_Sentence = tuple[Passage, int, int, frozenset[str]]
"""A sentence's passage, its offsets in the article, its words."""


class Reprints:
    """The copies among the articles of one answer; made anew for each.

    Args:
        candidates: the passages that were found. An article of which none was found represents no
            other: a filter may leave it out.
    """

    def __init__(self, store: Store, candidates: Sequence[ScoredPassage]) -> None:
        self._store = store
        found = [p for c in candidates for p in (c.passage, *c.copies)]
        self._found = list(dict.fromkeys(passage.article_id for passage in found))
        self._linked = store.copies.among(self._found)
        self._chosen: list[str] = []
        self._sentences: dict[str, list[_Sentence]] = {}

    def merged(self, evidence: Sequence[Evidence]) -> list[Evidence]:
        """The sentences as the articles that represent their copies say them, each once."""
        if not self._linked:
            return list(evidence)
        moved: dict[tuple[str, int], Evidence] = {}
        for one in map(self.represented, evidence):
            moved.setdefault((one.passage.article_id, one.start), one)
        return list(moved.values())

    def represented(self, evidence: Evidence) -> Evidence:
        """The sentence in the article that represents the copies in which it stands.

        That is one that represents them in this answer already; else the one that was published
        first, because the others took it from there; where dates are lacking or equal, the one
        that ranks best.
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
        """The citation with the copies of its article in which the sentence stands, too."""
        copies = self._linked.get(citation.article_id, ())[:MOST_CREDITED]
        return replace(citation, also=tuple(c for c in copies if self._says(c, citation.quote)))

    def _day(self, article_id: str) -> str:
        """When an article was published, for sorting; without a date after all that have one."""
        article = self._store.article(article_id)
        published = article.published if article is not None else None
        return published[:10] if published else "9999"

    def _there(self, evidence: Evidence, article_id: str) -> Evidence | None:
        """The sentence as another article says it; None where it does not, or not its answer."""
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
        """The sentence of an article that is this one, edited at most."""
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
    """The words of which none may differ: figures, and those that say no."""
    return frozenset(word for word in words if word in _TURNS or any(map(str.isdigit, word)))
