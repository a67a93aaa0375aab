"""The source of truth of the index: articles, passages, vectors and full text in one SQLite file.

Every change is one transaction over whole articles, so that a crash at any instant leaves each
article wholly old or wholly new. Each transaction bumps `generation`, by which other processes
notice it. Passage numbers grow and are never reused: what another index has not seen yet are the
numbers above its highest, and a number that no longer exists is a passage that is gone.

`Store.catalogue` lists what the file holds, `Store.embeddings` keeps its vectors, `Store.lexical`
searches its full text, `Store.copies` knows which articles are near-duplicates.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assistant.errors import StoreError
from assistant.schema import Article, Passage
from assistant.store.catalogue import Catalogue
from assistant.store.database import BUMP, Connection, Database
from assistant.store.embeddings import Embeddings, digest_of, insert_model, insert_vectors
from assistant.store.full_text import LexicalIndex
from assistant.store.near_duplicates import Copies
from assistant.text.tokens import analysed, count_words

_PASSAGE = """SELECT a.id, p.position, p.start, p."end", p.text, p.heading, p.number
              FROM passages p JOIN articles a ON a.number = p.article"""
_INSERT = """INSERT INTO articles (id, path, title, text, url, source, authors, published, language,
                                   words, digest, recipe, stamp, origin)
             VALUES (:id, :path, :title, :text, :url, :source, :authors, :published, :language,
                     :words, :digest, :recipe, :stamp, :origin)"""


@dataclass(frozen=True)
class Entry:
    """One article as it goes into the store, with everything that hangs on it."""

    article: Article
    passages: tuple[Passage, ...]
    vectors: NDArray[np.float32]
    """One row per passage."""
    abbreviations: Mapping[str, str]
    recipe: str
    """How it was cut; another recipe means it must be indexed again."""
    stamp: str
    origin: str = ""
    """The file it was added from, where that lies outside the corpus."""
    replaces: str = ""
    """The id of the article it takes the place of, where that is not its own."""


@dataclass(frozen=True)
class Move:
    """An indexed article whose file has another name now."""

    previous_id: str
    id: str
    path: str
    stamp: str


class Store(Database):
    """The articles of one database; any thread."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.catalogue = Catalogue(self)
        self.embeddings = Embeddings(self)
        self.copies = Copies(self)
        self.lexical = LexicalIndex(self)

    def apply(
        self,
        model: str,
        *,
        put: Sequence[Entry] = (),
        move: Sequence[Move] = (),
        remove: Sequence[str] = (),
    ) -> None:
        """One transaction: articles put (new, or in place of their old version), moved, removed by
        id; `model` is the fingerprint of the model that made the entries' vectors.
        """
        with self.writing(), self.transaction() as connection:
            connection.executemany("DELETE FROM articles WHERE id = ?", [(i,) for i in remove])
            connection.executemany(
                "UPDATE articles SET id = ?, path = ?, stamp = ? WHERE id = ?",
                [(m.id, m.path, m.stamp, m.previous_id) for m in move],
            )
            for entry in put:
                _put(connection, entry, model)
            insert_model(connection, model)
            connection.execute(BUMP)

    def restamp(self, stamps: Mapping[str, str]) -> None:
        """Notes new modification times of files whose articles did not change (id to stamp)."""
        with self.writing(), self.transaction() as connection:
            connection.executemany(
                "UPDATE articles SET stamp = ? WHERE id = ?",
                [(stamp, article_id) for article_id, stamp in stamps.items()],
            )

    def forget_recipes(self, article_ids: Sequence[str]) -> None:
        """Forgets how these articles were cut, so that the next plan indexes them again."""
        with self.writing(), self.transaction() as connection:
            connection.executemany(
                "UPDATE articles SET recipe = '' WHERE id = ?", [(i,) for i in article_ids]
            )

    def article(self, article_id: str) -> Article | None:
        """One article with its text."""
        rows = self.rows(
            """SELECT id, title, text, url, source, authors, published, language, path
               FROM articles WHERE id = ?""",
            (article_id,),
        )
        if not rows:
            return None
        row = list(rows[0])
        row[5] = tuple(json.loads(row[5]))
        return Article(*row)

    def passages(self, numbers: Sequence[int]) -> dict[int, Passage]:
        """The passages with these numbers, as far as they still exist."""
        keys = [int(number) for number in numbers]
        rows = self.rows_among(_PASSAGE + " WHERE p.number IN ({})", keys)
        return {row[-1]: Passage(*row) for row in rows}

    def passages_of(self, article_id: str) -> list[Passage]:
        """The passages of one article, in order."""
        rows = self.rows(f"{_PASSAGE} WHERE a.id = ? ORDER BY p.position", (article_id,))
        return [Passage(*row) for row in rows]

    def check(self) -> list[str]:
        """What is wrong with the file; nothing, when all is well. Slow on a large store."""
        problems = [row[0] for row in self.rows("PRAGMA integrity_check") if row[0] != "ok"]
        try:
            with self.transaction() as connection:
                connection.execute(
                    "INSERT INTO lexical (lexical, rank) VALUES ('integrity-check', 1)"
                )
        except StoreError as error:
            problems.append(f"lexical index: {error.problem}")
        return problems

    def rebuild_lexical(self) -> None:
        """Rebuilds the full-text index from the passages."""
        with self.writing(), self.transaction() as connection:
            connection.execute("INSERT INTO lexical (lexical) VALUES ('rebuild')")


def move_away(folder: Path) -> Path:
    """Renames a damaged store, so that the next `Store` starts empty; returns the new name."""
    path = folder / "store.sqlite3"
    aside = path.with_name(f"store.damaged-{time.strftime('%Y%m%d-%H%M%S')}.sqlite3")
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    return aside


def _put(connection: Connection, entry: Entry, model: str) -> None:
    article = entry.article
    connection.execute(
        "DELETE FROM articles WHERE id IN (?, ?) OR path = ?",
        (article.id, entry.replaces or article.id, article.path),
    )
    facts = {
        "authors": json.dumps(article.authors),
        "words": count_words(article.text),
        "digest": article.digest,
    }
    number = connection.execute(_INSERT, vars(article) | vars(entry) | facts).lastrowid
    texts = [passage.embedded_text for passage in entry.passages]
    digests = [digest_of(text) for text in texts]
    terms = [analysed(text, article.language) for text in texts]
    connection.executemany(
        """INSERT INTO passages (article, digest, position, start, "end", heading, text, analysed)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
        [
            (number, digest, p.position, p.start, p.end, p.heading, p.text, term)
            for p, digest, term in zip(entry.passages, digests, terms, strict=True)
        ],
    )
    insert_vectors(connection, model, digests, entry.vectors)
    connection.executemany(
        "INSERT INTO abbreviations VALUES (?, ?, ?)",
        [(number, short, long) for short, long in entry.abbreviations.items()],
    )
