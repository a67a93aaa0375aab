"""The paragraphs of PDF pages in reading order, made of runs of letters with their positions.

Headers and footers are dropped, columns are put one after the other, and lines are joined into
paragraphs and the parts of hyphenated words into words.
"""

import re
from collections import Counter
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

_MARGIN = 3
"""Lines at the top and at the bottom of a page that may be its header or footer."""

_PAGE_NUMBER = re.compile(
    r"\W*(?:page|seite|стр\.?|p\.)?\s*(?:\d{1,4}|[ivxlc]{1,7})(?:\s*(?:/|of|von|из)\s*\d{1,4})?\W*",
    re.IGNORECASE,
)
_ENDS_SENTENCE = re.compile(r"[.!?:;…][\"'”’»)\]]*$")
_ITEM = re.compile(r"(?:[•◦▪‣●■–—*-]|\(?\d{1,2}[.)]|\(?[a-z]\))\s+\S")
_CUT = re.compile(r"(\w+)[-\xad‐]$")
_HYPHENATED = 0.01
"""Share of lines that end in a hyphen from which on a document is taken to hyphenate words."""


@dataclass(frozen=True)
class Line:
    """A run of letters, or a line made of several; in points, from the bottom left."""

    page: int
    left: float
    bottom: float
    right: float
    top: float
    text: str
    column: tuple[float, float] = (0.0, 0.0)
    """The left and right edge of the column that it is in."""

    @property
    def height(self) -> float:
        return max(self.top - self.bottom, 1.0)

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2

    def beside(self, other: "Line") -> bool:
        """Whether both are in one row."""
        return abs(self.middle - other.middle) < 0.5 * max(self.height, other.height)


@dataclass(frozen=True)
class Block:
    """A paragraph or a heading, and the height of its lines."""

    text: str
    height: float


def paragraphs(pages: list[list[Line]]) -> list[Block]:
    """The paragraphs and headings of pages, each given as its runs in the file's order."""
    lines = [line for page in _without_margins(pages) for line in _rows(_in_reading_order(page))]
    return _with_initials(_joined_lines(lines))


def _without_margins(pages: list[list[Line]]) -> list[list[Line]]:
    """The pages without page numbers and lines repeated at the top or bottom of other pages."""
    if len(pages) < 2:
        return pages
    rows = [_rows_of(page) for page in pages]
    edges = ({_key(row) for row in page[:_MARGIN] + page[-_MARGIN:]} for page in rows)
    counts = Counter(key for keys in edges for key in keys)
    repeated = {key for key, count in counts.items() if count >= max(2, len(pages) // 3)}
    return [_body(page, rows[number], repeated) for number, page in enumerate(pages)]


def _body(page: list[Line], rows: list[list[Line]], repeated: set[tuple[str, int]]) -> list[Line]:
    """A page without its header and footer, which are searched from the edges inwards."""
    dropped: set[int] = set()
    for edge in (rows[:_MARGIN], rows[::-1][:_MARGIN]):
        for row in edge:
            number = all(_PAGE_NUMBER.fullmatch(line.text) for line in row)
            if _key(row) not in repeated and not number:
                break
            dropped.update(map(id, row))
    return [line for line in page if id(line) not in dropped]


def _rows_of(page: list[Line]) -> list[list[Line]]:
    """The lines of a page in rows, from top to bottom, each from left to right."""
    rows: list[list[Line]] = []
    for line in sorted(page, key=lambda line: -line.middle):
        if rows and rows[-1][0].beside(line):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [sorted(row, key=lambda line: line.left) for row in rows]


def _key(row: list[Line]) -> tuple[str, int]:
    """The text of a row without its numbers, and its height: a title is larger than a header."""
    text = re.sub(r"\d+", "#", " ".join(line.text for line in row)).casefold()
    return text, round(row[0].height)


def _in_reading_order(page: list[Line]) -> list[Line]:
    """The runs of a page, column after column.

    Most programs write one column after the other, and that order is kept: it is more reliable than
    positions. If run after run lies to the right of the one before it, the file was written across
    the columns, and they are separated at the gutter with most lines beside it and few across it.
    """
    across = sum(
        b.left > a.right and abs(a.middle - b.middle) < a.height for a, b in pairwise(page)
    )
    gutter = _gutter(page) if across >= 3 else None
    if gutter is None:
        return page
    ordered: list[Line] = []
    left: list[Line] = []
    right: list[Line] = []
    for line in [*sorted(page, key=lambda line: -line.middle), None]:
        if line is None or line.left < gutter < line.right:
            ordered += _in_reading_order(left) + _in_reading_order(right)
            left, right = [], []
            ordered += [line] if line else []
        else:
            (left if line.right <= gutter else right).append(line)
    return ordered


def _gutter(page: list[Line]) -> float | None:
    """Where to divide a page into columns; None for tables, whose cells are short."""
    best, best_score = None, 4
    for x in sorted({round(line.left, -1) // 5 * 5 - 2.5 for line in page}):
        left = [line for line in page if line.right <= x]
        right = [line for line in page if line.left >= x]
        score = min(len(left), len(right)) - 3 * (len(page) - len(left) - len(right))
        if score > best_score and _is_prose(left) and _is_prose(right):
            best, best_score = x, score
    return best


def _is_prose(lines: list[Line]) -> bool:
    return sum(len(line.text.split()) for line in lines) >= 3 * len(lines)


def _rows(runs: list[Line]) -> list[Line]:
    """Lines made of the runs in one row: cells of a table, or words of wide-set text."""
    rows: list[Line] = []
    for run in runs:
        row = rows[-1] if rows else None
        if row and row.beside(run) and run.left > row.right:
            rows[-1] = replace(row, right=run.right, text=f"{row.text} {run.text}")
        else:
            rows.append(run)
    return rows


def _joined_lines(lines: list[Line]) -> list[Block]:
    words = Counter(word for line in lines for word in re.findall(r"[\w-]+", line.text.lower()))
    cuts = sum(bool(_CUT.search(line.text)) for line in lines)
    if cuts < _HYPHENATED * len(lines):
        words.clear()
    leading = _leading(lines)
    lines = [_in_column(line, lines[max(0, n - 40) : n + 40]) for n, line in enumerate(lines)]
    blocks: list[Block] = []
    before: Line | None = None
    for line in lines:
        if before is None or _begins(line, before, leading):
            blocks.append(Block(line.text, line.height))
        else:
            blocks[-1] = replace(blocks[-1], text=_joined(blocks[-1].text, line.text, words))
        before = line
    return blocks


def _leading(lines: list[Line]) -> float:
    """The usual distance between the lines of a paragraph, in heights of a line."""
    steps = [
        (a.bottom - b.bottom) / a.height
        for a, b in pairwise(lines)
        if a.page == b.page and 0 < a.bottom - b.bottom < 3 * a.height
    ]
    return median(steps) if steps else 1.2


def _in_column(line: Line, near: list[Line]) -> Line:
    """The line with the edges of its column, as the lines near it show them."""
    mine = [
        other
        for other in near
        if other.page == line.page
        and abs(other.left - line.left) < 4 * line.height
        and abs(other.height - line.height) < 0.15 * line.height
    ]
    edges = Counter(round(other.left) for other in mine)
    left = float(edges.most_common(1)[0][0])
    return replace(line, column=(left, max(other.right for other in mine)))


def _begins(line: Line, before: Line, leading: float) -> bool:
    """Whether a line begins a paragraph."""
    if abs(line.height - before.height) > 0.15 * before.height or _ITEM.match(line.text):
        return True
    ended = bool(_ENDS_SENTENCE.search(before.text))
    indented = 0.6 * line.height < line.left - line.column[0] < 5 * line.height
    left, right = before.column
    short = before.right < right - 0.2 * (right - left)
    step = before.bottom - line.bottom
    if line.page != before.page or step < -0.5 * line.height:  # the next column
        return ended and (indented or short or line.text[:1].isupper())
    return step > 1.35 * leading * line.height or indented or (short and ended)


def _joined(text: str, line: str, words: Counter[str]) -> str:
    """Two lines as one; a word that was hyphenated at the end of the first is joined.

    Whether the hyphen belongs to it, as in "well-known", is decided by the rest of the document.

    Args:
        words: of the document; empty if it does not hyphenate words.
    """
    cut = _CUT.search(text)
    rest = re.match(r"\w+", line)
    if cut is None or rest is None or not rest[0][:1].islower():
        return f"{text} {line}" if cut is None else f"{text[:-1]}-{line}"
    one, two = f"{cut[1]}{rest[0]}".lower(), f"{cut[1]}-{rest[0]}".lower()
    hyphen = "-" if not words or (two in words and one not in words) else ""
    return f"{text[:-1]}{hyphen}{line}"


def _with_initials(blocks: list[Block]) -> list[Block]:
    """The blocks with each large initial joined to the word that it begins."""
    kept: list[Block] = []
    for block in blocks:
        initial = kept[-1] if kept and len(kept[-1].text) == 1 else None
        if initial and initial.text.isupper() and initial.height > 1.5 * block.height:
            kept[-1] = replace(block, text=initial.text + block.text)
        else:
            kept.append(block)
    return kept
