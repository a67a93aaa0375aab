"""Lists of articles: JSONL in the format of the evaluation, and CSV with named columns.

One line is read after the other, so that a hundred thousand articles need the memory of one, and an
error costs only its line.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from assistant.errors import ArticleError
from assistant.sources.decoding import clean, encoding_of
from assistant.sources.formats.archive import Input
from assistant.sources.metadata import FiledArticle, Names, make_article, split_title, title_of_path

SUFFIXES = (".jsonl", ".csv", ".tsv")
"""The endings of files that are lists."""

COLUMNS = {
    "id": ("_id", "id"),
    "text": ("text", "body", "content"),
    "title": ("title", "headline"),
    "source": ("source", "outlet"),
    "published": ("published", "date"),
    "url": ("url", "link"),
    "authors": ("authors", "author"),
    "language": ("language", "lang"),
}
"""The facts of a record, and the names of their columns, in any case; the first present counts."""

MAX_HEADER = 100_000
"""Characters of the names of the columns."""

_DELIMITERS = ",;\t|"
_REPLACED = "\N{REPLACEMENT CHARACTER}"
_Lines = Iterator[str | ArticleError]
_Records = Iterator[tuple[int, dict[str, Any]] | ArticleError]
"""The records of a list with the numbers of their lines, and an error for each bad line."""


def read_records(
    source: Input, names: Names, *, max_bytes: int
) -> Iterator[FiledArticle | ArticleError]:
    """The articles of a list, each with a path for its file, and an error for each bad line: one
    with more than `max_bytes` characters, among others.

    Raises:
        ArticleError: the list cannot be read, or no further.
    """
    encoding, guessed = encoding_of(source.open, source.shown)
    is_json = PurePosixPath(source.name).suffix.lower() == ".jsonl"
    # Line ends stay as they are, within the fields of a table.
    with io.TextIOWrapper(source.open(), encoding, errors="replace", newline="") as text:
        lines = _lines(text, source.shown, max_bytes)
        if is_json:
            records = _json_records(lines, source.shown)
        else:
            records = _csv_records(lines, source.shown, max_bytes)
        for item in records:
            if isinstance(item, ArticleError):
                yield item
                continue
            number, record = item
            shown = f"{source.shown}:{number}"
            try:
                if guessed and any(_REPLACED in str(value) for value in record.values()):
                    raise ArticleError(shown, f"is not all {encoding}", "save it as UTF-8 text")
                yield _article(record, shown, number, names)
            except ArticleError as error:
                yield error


def _article(record: Mapping[str, Any], shown: str, number: int, names: Names) -> FiledArticle:
    text = record.get("text")
    if not isinstance(text, str) or not any(character.isalnum() for character in text):
        raise ArticleError(shown, "holds no text", "fill its column `text`, or delete the line")
    text, title = clean(text), record.get("title")
    if not title:
        title, text = split_title(text)
    article = make_article(shown, text, {**record, "title": title, "origin": shown})
    wanted = title if record.get("id") is None else record["id"]
    path = names.path(str(wanted), str(number))
    title = article.title if title else title_of_path(path)
    return replace(article, id=article.url or path, path=path, title=title)


def _known(record: Mapping[Any, Any]) -> dict[str, Any]:
    """The facts of a record."""
    lower = {str(key).strip().lower(): value for key, value in record.items() if key is not None}
    return {
        ours: next((lower[name] for name in theirs if lower.get(name) not in (None, "")), None)
        for ours, theirs in COLUMNS.items()
    }


def _lines(text: io.TextIOBase, shown: str, longest: int) -> _Lines:
    """The lines; instead of one that is too long, which is not kept in memory, an error."""
    number = 0
    while line := text.readline(longest):
        number += 1
        if len(line) < longest or line.endswith("\n"):
            yield line
            continue
        while not line.endswith("\n") and (line := text.readline(1 << 20)):
            pass
        most = f"{longest:,} characters"
        yield ArticleError(f"{shown}:{number}", f"is longer than {most}", "raise max_file_mb")


def _json_records(lines: _Lines, shown: str) -> _Records:
    for number, line in enumerate(lines, start=1):
        if isinstance(line, ArticleError):
            yield line
        elif line.strip():
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as error:
                reason = "too deep" if isinstance(error, RecursionError) else str(error)
                problem = f"is not JSON ({reason[:80]})"
                yield ArticleError(f"{shown}:{number}", problem, "correct the line")
                continue
            if isinstance(record, dict):
                yield number, _known(record)
            else:
                problem, remedy = "is not a JSON object", "write it as {“text”: “…”}"
                yield ArticleError(f"{shown}:{number}", problem, remedy)


def _csv_records(lines: _Lines, shown: str, longest: int) -> _Records:
    # The limit is the process's own; it is never lowered, since other threads may be reading.
    csv.field_size_limit(max(csv.field_size_limit(), longest))
    number = 0
    too_long: list[ArticleError] = []

    def readable() -> Iterator[str]:
        nonlocal number
        for line in lines:
            number += 1
            if isinstance(line, ArticleError):
                too_long.append(line)
            else:
                yield line

    feed = readable()
    delimiter, columns = _header(next(feed, ""), shown)
    rows = csv.reader(feed, delimiter=delimiter)
    row: list[str] | None = []
    while row is not None:
        start = number + 1
        try:
            row = next(rows, None)
        except csv.Error as error:
            yield ArticleError(f"{shown}:{start}", f"is not CSV ({error})", "correct its quotes")
            continue
        yield from too_long
        too_long.clear()
        if row and any(field.strip() for field in row):
            yield start, _known(dict(zip(columns, row, strict=False)))


def _header(line: str, shown: str) -> tuple[str, list[str]]:
    """The delimiter that yields the most known columns in a header, and all its columns."""
    if len(line) > MAX_HEADER:
        problem, remedy = f"has more than {MAX_HEADER:,} characters of names", "name its columns"
        raise ArticleError(f"{shown}:1", problem, remedy)
    wanted = {name for names in COLUMNS.values() for name in names}
    splits = {
        delimiter: [name.strip().lower() for name in next(csv.reader([line], delimiter=delimiter))]
        for delimiter in _DELIMITERS
        if line.strip()
    }
    best = max(splits, key=lambda sign: len(wanted.intersection(splits[sign])), default="")
    columns = splits.get(best, [])
    if not set(COLUMNS["text"]).intersection(columns):
        problem, remedy = "names no column `text`", "write the names of the columns in it"
        raise ArticleError(f"{shown}:1", problem, remedy)
    return best, columns
