"""A process of its own for one PDF: standard input to runs of text, as JSON; see `pdf`.

The adapter of pypdfium2. PDFium is C++ and reads what strangers made: here it can crash, hang or
ask for all memory without harm to the program, which stops waiting after a while.
"""

import json
import sys
from contextlib import suppress
from dataclasses import astuple, dataclass
from typing import Any

MAX_CHARACTERS = 5_000_000
"""Of a whole document: about 1,500 full pages."""

COLUMN_GAP = 1.2
"""Space between two letters of a line, in line heights, that begins a new run: wider than most
spaces in justified text, narrower than the gap between columns."""


@dataclass
class _Run:
    """Letters of one line without a wide gap, and their bounding box, in points."""

    left: float
    bottom: float
    right: float
    top: float
    text: str

    def add(self, letter: str, box: Any) -> None:
        self.left, self.bottom = min(self.left, box.left), min(self.bottom, box.bottom)
        self.right, self.top = max(self.right, box.right), max(self.top, box.top)
        self.text += letter


def main() -> None:
    """Reads the PDF and writes ``{"pages": …}`` or ``{"error": …}``."""
    most_memory, most_pages = map(int, sys.argv[1:])
    with suppress(ImportError):  # Windows
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (most_memory, most_memory))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        answer = _read(sys.stdin.buffer.read(), most_pages)
    except MemoryError:
        answer = {"error": "memory"}
    sys.stdout.buffer.write(json.dumps(answer).encode())


def _read(content: bytes, most_pages: int) -> dict[str, object]:
    import pypdfium2  # type: ignore[import-untyped]

    try:
        document = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        code = getattr(error, "err_code", None)
        locked = code == pypdfium2.raw.FPDF_ERR_PASSWORD or "password" in str(error).lower()
        return {"error": "locked" if locked else "damaged"}
    count = len(document)
    if count > most_pages:
        return {"error": "long", "count": count}
    pages: list[dict[str, object]] = []
    characters = 0
    for number in range(count):
        try:
            page = document[number]
        except pypdfium2.PdfiumError:
            pages.append({"drawn": True, "runs": []})
            continue
        runs = _runs(page, pypdfium2.raw)
        characters += sum(len(run.text) for run in runs)
        if characters > MAX_CHARACTERS:
            return {"error": "text"}
        drawn = pypdfium2.raw.FPDFPage_CountObjects(page.raw) > 0
        pages.append({"drawn": drawn, "runs": [astuple(run) for run in runs]})
        page.close()
    return {"pages": pages, "title": document.get_metadata_dict().get("Title", "")}


def _runs(page: Any, pdfium: Any) -> list[_Run]:
    """The runs of letters in the file's order."""
    textpage = page.get_textpage()
    box = pdfium.FS_RECTF()
    runs: list[_Run] = []
    within = False
    for index in range(pdfium.FPDFText_CountChars(textpage.raw)):
        code = pdfium.FPDFText_GetUnicode(textpage.raw, index)
        # PDFium marks a hyphen at the end of a line with one of these, and joins the lines.
        hyphen = code in (0x2, 0xFFFE)
        letter = "\xad" if hyphen else chr(code) if 0 < code < 0x110000 else ""
        if letter and letter in "\r\n":
            within = False
        elif letter.isspace() or not letter:
            if within:
                runs[-1].text += " "
        # Loose boxes are as high as the line; tight ones differ from letter to letter.
        elif pdfium.FPDFText_GetLooseCharBox(textpage.raw, index, box):
            if not within or _is_apart(runs[-1], box):
                runs.append(_Run(box.left, box.bottom, box.right, box.top, ""))
                within = True
            runs[-1].add(letter, box)
    textpage.close()
    return [run for run in runs if run.text.strip()]


def _is_apart(run: _Run, box: Any) -> bool:
    """Whether a letter is too far from a run to belong to it."""
    height = max(run.top - run.bottom, box.top - box.bottom, 1.0)
    beside = abs((box.bottom + box.top) - (run.bottom + run.top)) / 2 > 0.6 * height
    gap = COLUMN_GAP * height
    return bool(beside or box.left - run.right > gap or run.left - box.right > gap)


if __name__ == "__main__":
    main()
