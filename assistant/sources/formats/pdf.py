"""PDF files: what is on their pages, put back into paragraphs in reading order.

`pdf_pages` reads the file in a process of its own, with a limit on memory and time. What comes back
are runs of letters with their places; here headers and footers are dropped, columns are put after
one another, lines are joined to paragraphs and hyphenated words to words.
"""

import json
import re
import subprocess
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from assistant.errors import ArticleError
from assistant.sources.dates import head_date
from assistant.sources.decoding import clean
from assistant.sources.formats.archive import locked
from assistant.sources.formats.text import split_title
from assistant.sources.metadata import FiledArticle, make_article

MAX_PAGES = 2_000
TIMEOUT = 60.0
"""Seconds that a PDF may take; 1,000 full pages take about 15."""

MEMORY = 768 << 20
"""Bytes of address space that reading a PDF may take."""

_READER = Path(__file__).with_name("pdf_pages.py")
_OCR = "run text recognition on it (ocrmypdf does) and add the result"
_PROBLEMS = {
    "damaged": ("is a damaged PDF", "save or download it again"),
    "long": ("has {count:,} pages, more than {most:,}", "split it"),
    "text": ("holds more text than any book", "split it"),
    "memory": ("needs too much memory, as bombs do", "save its text as .txt or .md instead"),
}

_MARGIN = 3
"""Lines at the top and at the bottom of a page that may be its header or footer."""

_PAGE_NUMBER = re.compile(r"\W*(?:page|seite|стр\.?|p\.)?\s*(?:\d{1,4}|[ivxlc]{1,7})"
                          r"(?:\s*(?:/|of|von|из)\s*\d{1,4})?\W*", re.IGNORECASE)  # fmt: skip
_ENDS_SENTENCE = re.compile(r"[.!?:;…][\"'”’»)\]]*$")
_ITEM = re.compile(r"(?:[•◦▪‣●■–—*-]|\(?\d{1,2}[.)]|\(?[a-z]\))\s+\S")
_CUT = re.compile(r"(\w+)[-\xad‐]$")
_HYPHENATED = 0.01
"""Share of lines that end in a hyphen from which on a document cuts words at the ends of lines."""

_UNREADABLE = re.compile("[\ufffd\ue000-\uf8ff\x00-\x08\x0e-\x1f]")
_LIGATURE = re.compile("[\ufb00-\ufb06]")


@dataclass(frozen=True)
class _Line:
    """A run of letters, or a line put together from several; points, from the bottom left."""

    page: int
    left: float
    bottom: float
    right: float
    top: float
    text: str

    @property
    def height(self) -> float:
        return max(self.top - self.bottom, 1.0)

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2

    def beside(self, other: "_Line") -> bool:
        """Whether both stand in one row."""
        return abs(self.middle - other.middle) < 0.5 * max(self.height, other.height)


@dataclass(frozen=True)
class _Block:
    """A paragraph or a heading, and the height of its lines."""

    text: str
    height: float


def parse_pdf(content: bytes, path: str) -> FiledArticle:
    """The article of a PDF. Pages without text are named in `FiledArticle.unread`.

    Its date is one that stands in its text near the top; the file's own dates are not used, since
    they say when it was made and not when the article appeared.

    Raises:
        ArticleError: it is locked, damaged, too long or too slow to read, or a scan without text.
    """
    answer = _read_pages(content, path)
    pages = [
        [_line(number, run) for run in page["runs"]] for number, page in enumerate(answer["pages"])
    ]
    pictures = [
        n for n, page in enumerate(answer["pages"], start=1) if page["drawn"] and not page["runs"]
    ]
    _require_text(pages, pictures, path)
    lines = [line for page in _without_margins(pages) for line in _rows(_in_reading_order(page))]
    blocks = _blocks(lines)
    title, blocks = _split_title(blocks, str(answer.get("title") or ""))
    text = clean("\n\n".join(block.text for block in blocks))
    if not title and not head_date(text.partition("\n")[0]):
        title, text = split_title(text)
    return make_article(path, text, {"title": title, "unread": _unread(pictures)})


def _read_pages(content: bytes, path: str) -> dict[str, Any]:
    """What `pdf_pages` finds in the file."""
    # -P: its folder must not be searched for modules, or our html.py would be everybody's.
    command = [sys.executable, "-P", str(_READER), str(MEMORY), str(MAX_PAGES)]
    try:
        done = subprocess.run(command, input=content, capture_output=True, timeout=TIMEOUT)
    except subprocess.TimeoutExpired as error:
        problem = f"takes longer than {TIMEOUT:.0f} seconds to be read"
        raise ArticleError(path, problem, "split it, or save its text as .txt") from error
    try:
        answer: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {}
    except ValueError:
        answer = {}
    if not answer:  # PDFium ends its process where it gets no more memory
        answer = {"error": "memory" if done.returncode < 0 else "damaged"}
    if answer.get("error") == "locked":
        raise locked(path)
    if "error" in answer:
        problem, remedy = _PROBLEMS[answer["error"]]
        problem = problem.format(count=answer.get("count", 0), most=MAX_PAGES)
        raise ArticleError(path, problem, remedy)
    return answer


def _line(page: int, run: list[Any]) -> _Line:
    left, bottom, right, top, text = run
    letters = _LIGATURE.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text)
    return _Line(page, left, bottom, right, top, letters.strip())


def _require_text(pages: list[list[_Line]], pictures: list[int], path: str) -> None:
    text = "".join(line.text for page in pages for line in page)
    if not text:
        if not pictures:
            raise ArticleError(path, "holds no text", "put the article's text into a file")
        count = f"its {len(pages)} pages are" if len(pages) > 1 else "its page is"
        raise ArticleError(path, f"is a scan: {count} pictures without text", _OCR)
    if len(_UNREADABLE.findall(text)) > 0.3 * len(text):
        raise ArticleError(path, "does not say which letters its pages show", _OCR)


def _unread(pictures: list[int]) -> str:
    if not pictures:
        return ""
    shown = ", ".join(map(str, pictures[:20])) + (" …" if len(pictures) > 20 else "")
    return f"page {shown} is a picture" if len(pictures) == 1 else f"pages {shown} are pictures"


# ---- headers and footers --------------------------------------------------------------------


def _without_margins(pages: list[list[_Line]]) -> list[list[_Line]]:
    """The pages without lines that come back at the top or bottom of others, and page numbers."""
    if len(pages) < 2:
        return pages
    rows = [_rows_of(page) for page in pages]
    counts = Counter(
        key for page in rows for key in {_key(r) for r in page[:_MARGIN] + page[-_MARGIN:]}
    )
    repeated = {key for key, count in counts.items() if count >= max(2, len(pages) // 3)}
    return [_body(page, rows[number], repeated) for number, page in enumerate(pages)]


def _body(
    page: list[_Line], rows: list[list[_Line]], repeated: set[tuple[str, int]]
) -> list[_Line]:
    """A page without its header and footer, which are looked for from the edges inwards."""
    dropped: set[int] = set()
    for edge in (rows[:_MARGIN], rows[::-1][:_MARGIN]):
        for row in edge:
            number = all(_PAGE_NUMBER.fullmatch(line.text) for line in row)
            if _key(row) not in repeated and not number:
                break
            dropped.update(map(id, row))
    return [line for line in page if id(line) not in dropped]


def _rows_of(page: list[_Line]) -> list[list[_Line]]:
    """The lines of a page by rows, from its top to its bottom, each from left to right."""
    rows: list[list[_Line]] = []
    for line in sorted(page, key=lambda line: -line.middle):
        if rows and rows[-1][0].beside(line):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [sorted(row, key=lambda line: line.left) for row in rows]


def _key(row: list[_Line]) -> tuple[str, int]:
    """A row without its numbers, and its height: a title is set larger than the header."""
    text = re.sub(r"\d+", "#", " ".join(line.text for line in row)).casefold()
    return text, round(row[0].height)


# ---- columns --------------------------------------------------------------------------------


def _in_reading_order(page: list[_Line]) -> list[_Line]:
    """The runs of a page, column after column.

    Most programs write their columns one after the other, and that order is kept: it knows more
    than places do. Where runs lie to the right of those before them, line after line, the file was
    written across the columns, and the widest gutter that few lines cross tells them apart.
    """
    across = sum(
        b.left > a.right and abs(a.middle - b.middle) < a.height
        for a, b in zip(page, page[1:], strict=False)
    )
    gutter = _gutter(page) if across >= 3 else None
    if gutter is None:
        return page
    ordered: list[_Line] = []
    left: list[_Line] = []
    right: list[_Line] = []
    for line in [*sorted(page, key=lambda line: -line.middle), None]:
        if line is None or line.left < gutter < line.right:
            ordered += _in_reading_order(left) + _in_reading_order(right)
            left, right = [], []
            ordered += [line] if line else []
        else:
            (left if line.right <= gutter else right).append(line)
    return ordered


def _gutter(page: list[_Line]) -> float | None:
    """Where a page of columns is to be cut; None for tables, whose cells are short."""
    best, best_score = None, 4
    for x in sorted({round(line.left, -1) // 5 * 5 - 2.5 for line in page}):
        left = [line for line in page if line.right <= x]
        right = [line for line in page if line.left >= x]
        score = min(len(left), len(right)) - 3 * (len(page) - len(left) - len(right))
        if score > best_score and _is_prose(left) and _is_prose(right):
            best, best_score = x, score
    return best


def _is_prose(lines: list[_Line]) -> bool:
    return sum(len(line.text.split()) for line in lines) >= 3 * len(lines)


def _rows(runs: Sequence[_Line]) -> Iterator[_Line]:
    """Runs of one row, as the cells of a table or the words of wide-set text are, as one line."""
    row: _Line | None = None
    for run in runs:
        if row is not None and row.beside(run) and run.left > row.right:
            row = replace(row, right=run.right, text=f"{row.text} {run.text}")
        else:
            if row is not None:
                yield row
            row = run
    if row is not None:
        yield row


# ---- paragraphs -----------------------------------------------------------------------------


def _blocks(lines: list[_Line]) -> list[_Block]:
    words = Counter(word for line in lines for word in re.findall(r"[\w-]+", line.text.lower()))
    cuts = sum(bool(_CUT.search(line.text)) for line in lines)
    if cuts < _HYPHENATED * len(lines):
        words.clear()
    leading = _leading(lines)
    columns = [_column(line, lines[max(0, n - 40) : n + 40]) for n, line in enumerate(lines)]
    blocks: list[_Block] = []
    before: tuple[_Line, tuple[float, float]] | None = None
    for line, column in zip(lines, columns, strict=True):
        if before is None or _begins(line, column, *before, leading):
            blocks.append(_Block(line.text, line.height))
        else:
            blocks[-1] = replace(blocks[-1], text=_joined(blocks[-1].text, line.text, words))
        before = line, column
    return _with_initials(blocks)


def _leading(lines: list[_Line]) -> float:
    """The usual distance between two lines of a paragraph, in heights of a line."""
    steps = [
        (a.bottom - b.bottom) / a.height
        for a, b in zip(lines, lines[1:], strict=False)
        if a.page == b.page and 0 < a.bottom - b.bottom < 3 * a.height
    ]
    return median(steps) if steps else 1.2


def _column(line: _Line, near: list[_Line]) -> tuple[float, float]:
    """Left and right end of the column that a line stands in."""
    mine = [
        other for other in near
        if other.page == line.page and abs(other.left - line.left) < 4 * line.height
        and abs(other.height - line.height) < 0.15 * line.height
    ]  # fmt: skip
    edges = Counter(round(other.left) for other in mine)
    return float(edges.most_common(1)[0][0]), max(other.right for other in mine)


def _begins(
    line: _Line,
    column: tuple[float, float],
    before: _Line,
    column_before: tuple[float, float],
    leading: float,
) -> bool:
    """Whether a line begins a paragraph."""
    if abs(line.height - before.height) > 0.15 * before.height or _ITEM.match(line.text):
        return True
    ended = bool(_ENDS_SENTENCE.search(before.text))
    indented = 0.6 * line.height < line.left - column[0] < 5 * line.height
    left, right = column_before
    short = before.right < right - 0.2 * (right - left)
    step = before.bottom - line.bottom
    if line.page != before.page or step < -0.5 * line.height:  # the next column
        return ended and (indented or short or line.text[:1].isupper())
    return step > 1.35 * leading * line.height or indented or (short and ended)


def _joined(text: str, line: str, words: Counter[str]) -> str:
    """Two lines as one; a word that was cut at the end of the first is put together.

    Whether its hyphen belongs to it, as in "well-known", is seen from the rest of the document.

    Args:
        words: of the document; none when it does not cut words.
    """
    cut = _CUT.search(text)
    rest = re.match(r"\w+", line)
    if cut is None or rest is None or not rest[0][:1].islower():
        return f"{text} {line}" if cut is None else f"{text[:-1]}-{line}"
    one, two = f"{cut[1]}{rest[0]}".lower(), f"{cut[1]}-{rest[0]}".lower()
    hyphen = "-" if not words or (two in words and one not in words) else ""
    return f"{text[:-1]}{hyphen}{line}"


def _with_initials(blocks: list[_Block]) -> list[_Block]:
    """A large first letter is a block of its own until it is put before its word."""
    kept: list[_Block] = []
    for block in blocks:
        initial = kept[-1] if kept and len(kept[-1].text) == 1 else None
        if initial and initial.text.isupper() and initial.height > 1.5 * block.height:
            kept[-1] = replace(block, text=initial.text + block.text)
        else:
            kept.append(block)
    return kept


def _split_title(blocks: list[_Block], stated: str) -> tuple[str, list[_Block]]:
    """The title and the rest: the largest lines near the top, else what the file states if its
    first lines say it, too; "" when neither is there.
    """
    sizes = [block.height for block in blocks for _ in range(len(block.text) // 40 + 1)]
    near = blocks[:10]
    largest = max(near, key=lambda block: block.height, default=None)
    if largest and largest.height > 1.2 * median(sizes) and 2 <= len(largest.text.split()) <= 40:
        return largest.text, [block for block in blocks if block is not largest]
    for block in near:
        if _alnum(stated) and _alnum(block.text) == _alnum(stated):
            return block.text, [other for other in blocks if other is not block]
    return "", blocks


def _alnum(text: str) -> str:
    return "".join(filter(str.isalnum, text)).casefold()
