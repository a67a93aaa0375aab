"""Near-duplicates: articles with nearly the same text, as reprints of one story have.

Found by MinHash over shingles (Broder 1997, "On the resemblance and containment of documents"):
each article is put into the buckets of its bands, the articles that share a bucket with it are
candidates, and a candidate is a near-duplicate, called a copy here, when the texts themselves share
enough shingles. So a new article costs a few indexed look-ups, however many articles there are.
What was tried and measured is in eval/LOG.md, 2026-11-25.
"""

import json
from collections.abc import Sequence

from assistant.schema import Copy, Progress, ShowProgress
from assistant.store.database import Connection, Database
from assistant.text.similarity import Shingles, buckets, shingles, similarity

SHARED = 0.75
"""Share of the shorter text's shingles in the longer from which they are copies. In 3,700 articles
of 2022 all pairs above are one text, revised; a weekly column with a fixed frame reaches 0.71."""

MOST_CANDIDATES = 50
"""Most texts that one article is compared with; those that share most buckets come first."""

BATCH = 64
"""Articles compared in one transaction."""


class Copies:
    """Which articles of one database are copies of each other; any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def follow(self, progress: ShowProgress | None = None) -> None:
        """Compares what is not compared yet. The caller holds `Database.writing`.

        Killed at any instant, the next call goes on: an article stops being pending in the
        transaction that stores its buckets and its copies.
        """
        pending = self._database.rows("SELECT article FROM uncompared ORDER BY article")
        for start in range(0, len(pending), BATCH):
            some = pending[start : start + BATCH]
            with self._database.transaction() as connection:
                for (number,) in some:
                    self._compare(connection, number)
            if progress is not None:
                progress(Progress(start + len(some), len(pending), "articles compared"))

    def among(self, article_ids: Sequence[str]) -> dict[str, tuple[Copy, ...]]:
        """The copies of these articles, the most similar first, by id of those that have any."""
        return self._linked("a.id IN (SELECT value FROM json_each(?))", article_ids)

    def before(self, article_ids: Sequence[str]) -> dict[str, tuple[Copy, ...]]:
        """The copies that were indexed before each of these articles, by id."""
        earlier = "a.id IN (SELECT value FROM json_each(?)) AND o.number < a.number"
        return self._linked(earlier, article_ids)

    def like(self, text: str) -> tuple[Copy, ...]:
        """The articles of which a text outside the index is a copy, the most similar first."""
        mine = shingles(text)
        similar = dict(self._similar(mine, buckets(mine)))
        rows = self._database.rows(
            """SELECT number, id, title, source, published, url FROM articles
               WHERE number IN (SELECT value FROM json_each(?))""",
            (json.dumps(list(similar)),),
        )
        found = [Copy(*(*facts, similar[number])) for number, *facts in rows]
        return tuple(sorted(found, key=lambda copy: -copy.similarity))

    def _compare(self, connection: Connection, number: int) -> None:
        mine = shingles(self._text(number))
        keys = buckets(mine)
        pairs = self._similar(mine, keys)
        connection.execute("DELETE FROM uncompared WHERE article = ?", (number,))
        connection.executemany(
            "INSERT OR IGNORE INTO buckets VALUES (?, ?)", [(key, number) for key in keys]
        )
        connection.executemany(
            "INSERT INTO copies VALUES (?, ?, ?)",
            [row for other, s in pairs for row in ((number, other, s), (other, number, s))],
        )

    def _similar(self, mine: Shingles, keys: Sequence[int]) -> list[tuple[int, float]]:
        """Number and similarity of each copy of a text."""
        marks = ",".join("?" * len(keys))
        rows = self._database.rows(
            f"""SELECT article FROM buckets WHERE bucket IN ({marks})
                GROUP BY article ORDER BY count(*) DESC, article LIMIT {MOST_CANDIDATES}""",
            keys,
        )
        shared = [(int(o), similarity(mine, shingles(self._text(o)))) for (o,) in rows]
        return [(other, share) for other, share in shared if share >= SHARED]

    def _text(self, number: int) -> str:
        rows = self._database.rows("SELECT text FROM articles WHERE number = ?", (number,))
        return str(rows[0][0])

    def _linked(self, where: str, article_ids: Sequence[str]) -> dict[str, tuple[Copy, ...]]:
        found: dict[str, tuple[Copy, ...]] = {}
        for own, *facts in self._database.rows(
            f"""SELECT a.id, o.id, o.title, o.source, o.published, o.url, c.similarity
                FROM articles a JOIN copies c ON c.article = a.number
                JOIN articles o ON o.number = c.other
                WHERE {where} ORDER BY c.similarity DESC, o.number""",
            [json.dumps(list(article_ids))],
        ):
            found[own] = (*found.get(own, ()), Copy(*facts))
        return found
