"""Word documents; the adapter of python-docx."""

import io
from collections.abc import Iterator
from typing import Any
from zipfile import BadZipFile

from assistant.errors import ArticleError
from assistant.sources.formats.archive import MAX_PART, package, part
from assistant.sources.metadata import FiledArticle, make_article

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"

_SIGNS = {f"{_W}tab": "\t", f"{_W}br": "\n", f"{_W}cr": "\n", f"{_W}noBreakHyphen": "-"}
_LEFT_OUT = frozenset((f"{_W}del", f"{_W}moveFrom", f"{_W}txbxContent", f"{_W}pPr", _FALLBACK))
_TITLES = ("Title", "Heading 1")


def parse_docx(content: bytes, path: str) -> FiledArticle:
    """The article of a Word document, with its tables, text boxes and footnotes.

    Tracked changes count as accepted; comments, headers and footers are left out. The dates that
    Word keeps (creation, last change) are the file's, not the article's, and are not used.

    Raises:
        ArticleError: it is damaged, locked or hostile.
    """
    document = _open(content, path)
    title = ""
    blocks: list[str] = []
    for paragraph, text in _paragraphs(document.element.body):
        if not title and not blocks and text and _style(document, paragraph) in _TITLES:
            title = text
        elif text:
            blocks.append(text)
    blocks.extend(_footnotes(document))
    facts = {"title": title or document.core_properties.title}
    return make_article(path, "\n\n".join(blocks), facts, begins_with_title=True)


def _open(content: bytes, path: str) -> Any:
    """The document, once the size of what it unpacks to is checked."""
    import docx  # takes a fifth of a second
    from docx.opc.exceptions import OpcError

    with package(content, path) as archive:
        for info in archive.infolist():
            if info.filename.endswith((".xml", ".rels")) and info.file_size <= MAX_PART:
                part(archive, info.filename, path)
        part(archive, "word/document.xml", path)
    try:
        return docx.Document(io.BytesIO(content))
    except (OpcError, SyntaxError, BadZipFile, KeyError, ValueError) as error:
        reason = " ".join(str(error).split())[:80]
        problem = f"is a damaged Word document ({reason})"
        raise ArticleError(path, problem, "save it again in Word") from error


def _paragraphs(body: Any) -> Iterator[tuple[Any, str]]:
    """The paragraphs and table rows below an element with their text, in order.

    python-docx itself skips content controls and tracked insertions.
    """
    open_elements = [iter(body)]
    while open_elements:
        element = next(open_elements[-1], None)
        if element is None:
            open_elements.pop()
        elif element.tag == f"{_W}p":
            yield element, _text(element)
            boxes = element.iter(f"{_W}txbxContent")
            # What stands in for a box in older programs holds its text once more.
            boxes = (box for box in boxes if next(box.iterancestors(_FALLBACK), None) is None)
            open_elements.extend(map(iter, boxes))
        elif element.tag == f"{_W}tr":
            cells = (cell.iter(f"{_W}p") for cell in element.iter(f"{_W}tc"))
            texts = (" ".join(filter(None, map(_text, cell))) for cell in cells)
            yield element, " | ".join(filter(None, texts))
        elif element.tag not in _LEFT_OUT:
            open_elements.append(iter(element))


def _text(paragraph: Any) -> str:
    """The text of a paragraph with tracked changes accepted, without its text boxes."""
    parts: list[str] = []
    numbered = paragraph.find(f"{_W}pPr/{_W}numPr") is not None
    open_elements = [iter(paragraph)]
    while open_elements:
        element = next(open_elements[-1], None)
        if element is None:
            open_elements.pop()
        elif element.tag == f"{_W}t":
            parts.append(element.text or "")
        elif element.tag in _SIGNS:
            parts.append(_SIGNS[element.tag])
        elif element.tag not in _LEFT_OUT:
            open_elements.append(iter(element))
    text = "".join(parts).strip()
    return f"– {text}" if numbered and text else text


def _style(document: Any, paragraph: Any) -> str:
    """The English name of a paragraph's style, in any language of Word."""
    style = paragraph.find(f"{_W}pPr/{_W}pStyle")
    if style is None:
        return ""
    wanted = style.get(f"{_W}val")
    found = (s.name for s in document.styles if s.style_id == wanted)
    return next(found, None) or ""


def _footnotes(document: Any) -> list[str]:
    from docx.oxml import parse_xml

    notes: list[str] = []
    for kind in ("/footnotes", "/endnotes"):
        for relation in document.part.rels.values():
            if relation.reltype.endswith(kind) and not relation.is_external:
                root = parse_xml(relation.target_part.blob)
                notes.extend(text for _, text in _paragraphs(root) if text)
    return notes
