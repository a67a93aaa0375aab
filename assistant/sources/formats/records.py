"""Lists of articles: JSONL in the format of the evaluation, and CSV with named columns.

One line is read after the other, so that a hundred thousand articles need the memory of one, and an
error costs only its line.
"""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any, TextIO

from assistant.errors import ArticleError
from assistant.sources.decoding import clean, encoding_of, open_text
from assistant.sources.filing import Names
from assistant.sources.formats.archive import Input
from assistant.sources.formats.text import split_title
from assistant.sources.metadata import FiledArticle, make_article, title_of_path

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
_Line = tuple[int, str]


def read_records(
    source: Input, names: Names, *, max_bytes: int
) -> Iterator[FiledArticle | ArticleError]:
    """The articles of a list, each with a path for its file, and an error for each bad line.

    Args:
        max_bytes: longest record, in characters.

    Raises:
        ArticleError: the list cannot be read, or no further.
    """
    encoding, guessed = encoding_of(source.open, source.shown)
    is_json = PurePosixPath(source.name).suffix.lower() == ".jsonl"
    with open_text(source.open, encoding) as text:
        lines = _lines(text, source.shown, max_bytes)
        read = _json_records if is_json else _csv_records
        for item in read(lines, source.shown, max_bytes):
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
    path = names.path(_string(record.get("id")) or _string(title), f"{number}")
    title = article.title if title else title_of_path(path)
    return replace(article, id=article.url or path, path=path, title=title)


def _string(value: object) -> str:
    return "" if value is None else str(value)


def _known(record: Mapping[Any, Any]) -> dict[str, Any]:
    """The facts of a record."""
    lower = {str(key).strip().lower(): value for key, value in record.items() if key is not None}
    return {
        ours: next((lower[name] for name in theirs if lower.get(name) not in (None, "")), None)
        for ours, theirs in COLUMNS.items()
    }


def _lines(text: TextIO, shown: str, longest: int) -> Iterator[_Line | ArticleError]:
    """The lines with their numbers; a line that is too long is not kept in memory."""
    number = 0
    while line := text.readline(longest):
        number += 1
        if len(line) < longest or line.endswith("\n"):
            yield number, line
            continue
        while not line.endswith("\n") and (line := text.readline(1 << 20)):
            pass
        most = f"{longest:,} characters"
        yield ArticleError(f"{shown}:{number}", f"is longer than {most}", "raise max_file_mb")


def _json_records(
    lines: Iterator[_Line | ArticleError], shown: str, _longest: int
) -> Iterator[tuple[int, dict[str, Any]] | ArticleError]:
    for line in lines:
        if isinstance(line, ArticleError):
            yield line
        elif line[1].strip():
            try:
                record = json.loads(line[1])
            except (ValueError, RecursionError) as error:
                reason = "too deep" if isinstance(error, RecursionError) else str(error)
                yield ArticleError(
                    f"{shown}:{line[0]}", f"is not JSON ({reason[:80]})", "correct the line"
                )
                continue
            if isinstance(record, dict):
                yield line[0], _known(record)
            else:
                yield ArticleError(
                    f"{shown}:{line[0]}", "is not a JSON object", "write it as {“text”: “…”}"
                )


def _csv_records(
    lines: Iterator[_Line | ArticleError], shown: str, longest: int
) -> Iterator[tuple[int, dict[str, Any]] | ArticleError]:
    # The limit is the process's own; it is never lowered, since other threads may be reading.
    csv.field_size_limit(max(csv.field_size_limit(), longest))
    feed = _Feed(lines)
    delimiter, columns = _header(next(feed, ""), shown)
    rows = csv.reader(feed, delimiter=delimiter)
    while True:
        feed.row_starts()
        try:
            row = next(rows)
        except StopIteration:
            yield from feed.errors()
            return
        except csv.Error as error:
            yield ArticleError(
                f"{shown}:{feed.start}", f"is not CSV ({error})", "correct its quotes"
            )
            continue
        yield from feed.errors()
        if any(field.strip() for field in row):
            yield feed.start, _known(dict(zip(columns, row, strict=False)))


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
    best = max(
        splits, key=lambda delimiter: len(wanted.intersection(splits[delimiter])), default=""
    )
    columns = splits.get(best, [])
    if not set(COLUMNS["text"]).intersection(columns):
        raise ArticleError(
            f"{shown}:1", "names no column `text`", "write the names of the columns in it"
        )
    return best, columns


class _Feed:
    """Lines for the CSV reader, with the line numbers and errors that it does not know."""

    def __init__(self, lines: Iterator[_Line | ArticleError]) -> None:
        self._lines = lines
        self._number = 0
        self._errors: list[ArticleError] = []
        self.start = 1
        """The number of the current row's first line."""

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        for line in self._lines:
            if not isinstance(line, ArticleError):
                self._number = line[0]
                return line[1]
            self._number += 1
            self._errors.append(line)
        raise StopIteration

    def row_starts(self) -> None:
        self.start = self._number + 1

    def errors(self) -> list[ArticleError]:
        """Errors for the lines that were too long since the last call."""
        errors, self._errors = self._errors, []
        return errors
