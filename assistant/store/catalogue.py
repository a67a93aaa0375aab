"""What is indexed, without the texts: lists and counts of articles, by filter, file or origin."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from assistant.schema import ArticleSummary, Filter, Order
from assistant.store.database import Database

RecordKey = Literal["path", "id", "digest", "origin"]

_RECORD = "SELECT id, path, digest, recipe, stamp, origin, language FROM articles"


@dataclass(frozen=True)
class Record:
    """What the store knows of one file, without its text."""

    id: str
    path: str
    digest: str
    recipe: str
    stamp: str
    origin: str
    language: str | None


class Catalogue:
    """Lists what one database holds; any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def counts(self) -> tuple[int, int]:
        """How many articles and passages there are."""
        rows = self._database.rows(
            "SELECT (SELECT count(*) FROM articles), (SELECT count(*) FROM passages)"
        )
        return int(rows[0][0]), int(rows[0][1])

    def records(self, paths: Sequence[str] | None = None) -> dict[str, Record]:
        """What is indexed, by path; only of these files, if some are given."""
        some = "" if paths is None else "WHERE path IN (SELECT value FROM json_each(?))"
        parameters = [] if paths is None else [json.dumps(list(paths))]
        rows = self._database.rows(f"{_RECORD} {some}", parameters)
        return {row[1]: Record(*row) for row in rows}

    def record(self, value: str, by: RecordKey = "path") -> Record | None:
        """What is indexed of one file; of several that match, of the one indexed last."""
        rows = self._database.rows(
            f"{_RECORD} WHERE {by} = ? ORDER BY number DESC LIMIT 1", (value,)
        )
        return Record(*rows[0]) if rows else None

    def articles(
        self,
        matching: str = "",
        within: Filter = Filter(),
        order: Order = "date",
        *,
        reverse: bool = False,
        limit: int = -1,
        offset: int = 0,
    ) -> list[ArticleSummary]:
        """The articles whose title, source or id contains the words given, in this order."""
        where, parameters = _listed(matching, within)
        by = _ordered(order, reverse=reverse)
        rows = self._database.rows(
            f"""SELECT a.id, a.title, a.url, a.source, a.published, a.path, a.words,
                       (SELECT count(*) FROM passages WHERE article = a.number), a.language,
                       (SELECT count(*) FROM copies WHERE article = a.number)
                FROM articles a WHERE a.number IN (
                    SELECT a.number FROM articles a WHERE {where} ORDER BY {by} LIMIT ? OFFSET ?)
                ORDER BY {by}""",
            [*parameters, limit, offset],
        )
        return [ArticleSummary(*row) for row in rows]

    def count_articles(self, matching: str = "", within: Filter = Filter()) -> int:
        """How many articles `articles` lists without a limit."""
        where, parameters = _listed(matching, within)
        rows = self._database.rows(f"SELECT count(*) FROM articles a WHERE {where}", parameters)
        return int(rows[0][0])

    def numbers_within(self, within: Filter) -> NDArray[np.int64]:
        """The numbers of the passages of articles that a filter lets through, ascending."""
        where, parameters = _where(within)
        # Two look-ups in indexes: a join reads every article, past its text, ten times as long.
        rows = self._database.rows(
            f"""SELECT number FROM passages
                WHERE article IN (SELECT a.number FROM articles a WHERE {where})""",
            parameters,
        )
        return np.sort(np.fromiter((row[0] for row in rows), dtype=np.int64, count=len(rows)))

    def values(self, column: Literal["source", "authors", "language"]) -> list[str]:
        """The outlets, authors or languages of the articles, the most frequent first."""
        select = f"SELECT {column}, 1 FROM articles"
        if column == "authors":
            select = """SELECT e.value, f.many FROM json_each(f.authors) e,
                        (SELECT authors, count(*) AS many FROM articles GROUP BY authors) f"""
        rows = self._database.rows(
            f"""WITH found(value, many) AS ({select}) SELECT value FROM found
                WHERE value IS NOT NULL GROUP BY value ORDER BY sum(many) DESC, value"""
        )
        return [str(row[0]) for row in rows]


def _listed(matching: str, within: Filter) -> tuple[str, list[str]]:
    """The condition on articles ``a`` of a list, with its parameters."""
    where, parameters = _where(within)
    if not matching:
        return where, parameters
    like = "%" + matching.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    words = "a.title || ' ' || coalesce(a.source, '') || ' ' || a.id LIKE ? ESCAPE '\\'"
    return f"{where} AND {words}", [*parameters, like]


def _ordered(order: Order, *, reverse: bool) -> str:
    """The terms of ORDER BY; what is missing stays last in both directions."""
    column, descends = {
        "date": ("a.published", True),
        "title": ("a.title COLLATE NOCASE", False),
        "outlet": ("a.source COLLATE NOCASE", False),
        "words": ("a.words", True),
        "added": ("a.number", True),
    }[order]
    direction = "DESC" if descends != reverse else "ASC"
    return f"{column} IS NULL, {column} {direction}, a.title, a.number"


def _where(within: Filter) -> tuple[str, list[str]]:
    """The condition on articles ``a`` that a filter means, with its parameters."""
    conditions, parameters = ["1"], []
    for bound, sign in ((within.since, ">="), (within.until, "<=")):
        if bound:
            conditions.append(f"substr(a.published, 1, 10) {sign} ?")
            parameters.append(bound)
    columns = {"source": within.sources, "id": within.articles, "language": within.languages}
    for column, allowed in columns.items():
        if allowed:
            conditions.append(f"a.{column} IN ({','.join('?' * len(allowed))})")
            parameters += allowed
    if within.authors:
        marks = ",".join("?" * len(within.authors))
        conditions.append(f"EXISTS (SELECT 1 FROM json_each(a.authors) WHERE value IN ({marks}))")
        parameters += within.authors
    return " AND ".join(conditions), parameters
