"""The lexical index: BM25 and vocabulary of the store's full-text tables.

SQLite's FTS5 with Porter stems for English and the terms of `tokens.analysed` for other languages,
written in the same transaction as the passages, so that it never lags behind them. Heading and text
have the same weight: the best of 0 to 4 times on training questions (eval/LOG.md, 2026-11-24).
"""

import json
from collections.abc import Sequence
from functools import partial

from assistant.store.database import Database
from assistant.text.languages import STEMMERS
from assistant.text.tokens import FOREIGN, foreign_terms, stem, words


class LexicalIndex:
    """Full-text search over one store; any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._terms = database.cached(partial(_terms, database))
        self.languages = database.cached(partial(_languages, database))
        """The languages besides English in which passages are analysed; "" stands for all that have
        letters of another script but no stemmer."""
        # Looked up at every question: 2 ms for 10,000 articles.
        self.abbreviations = database.cached(partial(_abbreviations, database))
        """Short form to the long form that most articles give it."""

    def match(
        self, expression: str, limit: int, among: Sequence[int] | None = None
    ) -> list[tuple[int, float]]:
        """(passage number, BM25 score, higher is better) of the best passages, best first.

        Args:
            expression: FTS5 syntax, every term quoted by the caller.
            among: only these passages.
        """
        # The plus keeps SQLite from looking each number up by itself: that takes seconds.
        only = "" if among is None else "AND +rowid IN (SELECT value FROM json_each(?))"
        chosen = [] if among is None else [json.dumps(list(among))]
        rows = self._database.rows(
            f"""SELECT rowid, -bm25(lexical) AS score FROM lexical
                WHERE lexical MATCH ? {only} ORDER BY score DESC LIMIT ?""",
            (expression, *chosen, limit),
        )
        return [(int(number), float(score)) for number, score in rows]

    def document_frequencies(self, stems: Sequence[str]) -> dict[str, int]:
        """The number of passages in which each stem occurs."""
        select = "SELECT doc FROM lexical_terms WHERE term = ?"
        return {
            term: sum(count for (count,) in self._database.rows(select, (term,))) for term in stems
        }

    def vocabulary(self, ending: str = "") -> list[str]:
        """All stems, the most frequent first, without those of other languages in Latin letters.

        Args:
            ending: that of a language's terms (`tokens.ending`): gives those, without the ending.
        """
        return self._terms().get(ending, [])

    def word_of(self, wanted: str) -> str:
        """A whole word with this stem from some article, in lower case."""
        rows = self._database.rows(
            """SELECT p.heading || ' ' || p.text, a.language FROM lexical
               JOIN passages p ON p.number = lexical.rowid JOIN articles a ON a.number = p.article
               WHERE lexical MATCH ? LIMIT 1""",
            (f'"{wanted}"',),
        )
        text, language = rows[0] if rows else ("", None)
        english = (word for word in words(text) if stem(word) == wanted)
        other = foreign_terms(text, language).get(wanted, wanted.partition(FOREIGN)[0])
        return next(english, other)


def _terms(database: Database) -> dict[str, list[str]]:
    """All terms by their ending, the most frequent first."""
    terms: dict[str, list[str]] = {}
    for (term,) in database.rows("SELECT term FROM lexical_terms ORDER BY doc DESC, term"):
        plain, mark, language = term.partition(FOREIGN)
        terms.setdefault(mark + language, []).append(plain)
    return terms


def _languages(database: Database) -> list[str]:
    rows = database.rows(
        """SELECT DISTINCT ifnull(language, '') FROM articles
           WHERE number IN (SELECT article FROM passages WHERE analysed IS NOT NULL)"""
    )
    return sorted({code if code in STEMMERS else "" for (code,) in rows})


def _abbreviations(database: Database) -> dict[str, str]:
    rows = database.rows(
        "SELECT short, long FROM abbreviations GROUP BY short, long ORDER BY count(*), long"
    )
    return dict(rows)
