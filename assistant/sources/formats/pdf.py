"""PDF files: `pdf_pages` reads them in a process of its own, `pdf_layout` makes paragraphs."""

import json
import re
import subprocess
import sys
import unicodedata
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

from assistant.errors import ArticleError
from assistant.sources.decoding import clean
from assistant.sources.formats.pdf_layout import Block, Line, paragraphs
from assistant.sources.metadata import FiledArticle, head_date, letters_of, make_article

MAX_PAGES = 2_000
TIMEOUT = 60.0
"""Seconds that a PDF may take; 1,000 full pages take about 15."""

MEMORY = 768 << 20
"""Bytes of address space that reading a PDF may take."""

_READER = Path(__file__).with_name("pdf_pages.py")
_OCR = "run text recognition on it (ocrmypdf does) and add the result"
_PROBLEMS = {
    "locked": ("is locked with a password", "save it without its password"),
    "damaged": ("is a damaged PDF", "save or download it again"),
    "long": ("has {count:,} pages, more than {most:,}", "split it"),
    "text": ("holds more text than any book", "split it"),
    "memory": ("needs too much memory, as bombs do", "save its text as .txt or .md instead"),
}

_UNREADABLE = re.compile("[\ufffd\ue000-\uf8ff\x00-\x08\x0e-\x1f]")
_LIGATURE = re.compile("[\ufb00-\ufb06]")


def parse_pdf(content: bytes, path: str) -> FiledArticle:
    """The article of a PDF. Pages without text are named in `FiledArticle.unread`.

    Its date is taken from the head of its text; the file's own dates are not used, since they say
    when it was made and not when the article appeared.

    Raises:
        ArticleError: it is locked, damaged, too long or too slow to read, or a scan without text.
    """
    answer = _read_pages(content, path)
    read = answer["pages"]
    pages = [[_line(number, run) for run in page["runs"]] for number, page in enumerate(read)]
    pictures = [n for n, page in enumerate(read, start=1) if page["drawn"] and not page["runs"]]
    _require_text(pages, pictures, path)
    title, blocks = _split_title(paragraphs(pages), str(answer.get("title") or ""))
    text = clean("\n\n".join(block.text for block in blocks))
    dated = head_date(text.partition("\n")[0]) is not None  # a date is no title
    facts = {"title": title, "unread": _unread(pictures)}
    return make_article(path, text, facts, begins_with_title=not dated)


def _read_pages(content: bytes, path: str) -> dict[str, Any]:
    """The answer of `pdf_pages` to the file."""
    # -P: its folder must not be searched for modules, or our html.py would replace Python's.
    command = [sys.executable, "-P", str(_READER), str(MEMORY), str(MAX_PAGES)]
    try:
        done = subprocess.run(
            command, input=content, capture_output=True, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired as error:
        problem = f"takes longer than {TIMEOUT:.0f} seconds to be read"
        raise ArticleError(path, problem, "split it, or save its text as .txt") from error
    # PDFium ends its process if it gets no more memory.
    answer: dict[str, Any] = {"error": "memory" if done.returncode < 0 else "damaged"}
    if done.returncode == 0:
        with suppress(ValueError):
            answer = json.loads(done.stdout)
    if "error" in answer:
        problem, remedy = _PROBLEMS[answer["error"]]
        problem = problem.format(count=answer.get("count", 0), most=MAX_PAGES)
        raise ArticleError(path, problem, remedy)
    return answer


def _line(page: int, run: list[Any]) -> Line:
    left, bottom, right, top, text = run
    text = _LIGATURE.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text)
    return Line(page, left, bottom, right, top, text.strip())


def _require_text(pages: list[list[Line]], pictures: list[int], path: str) -> None:
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


def _split_title(blocks: list[Block], stated: str) -> tuple[str, list[Block]]:
    """The title and the other blocks: the largest block near the top, else the one that equals the
    title that the file states, else "".
    """
    sizes = [block.height for block in blocks for _ in range(len(block.text) // 40 + 1)]
    near = blocks[:10]
    largest = max(near, key=lambda block: block.height, default=None)
    if largest and largest.height > 1.2 * median(sizes) and 2 <= len(largest.text.split()) <= 40:
        return largest.text, [block for block in blocks if block is not largest]
    for block in near:
        if letters_of(stated) and letters_of(block.text) == letters_of(stated):
            return block.text, [other for other in blocks if other is not block]
    return "", blocks
