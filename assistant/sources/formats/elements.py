"""Elements of pages and books, and the text in them; the adapter of lxml.

The documents come from strangers: entities are not resolved, nothing is fetched, and nothing is
recursive, so that no depth of elements overflows.
"""

import re
from typing import Any

Element = Any
"""An element of lxml, which has no types."""

_BLOCKS = frozenset(
    """address article aside blockquote body caption center dd details div dl dt fieldset
    figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr html li main nav ol option p pre
    section summary table tbody tfoot thead title tr ul""".split()
)
_UNSEEN = frozenset("script style head noscript template svg math iframe object select".split())


def parse_tree(page: str) -> Element:
    """The root of a page, however broken or empty it is."""
    from lxml import html  # type: ignore[import-untyped]

    # libxml2 gives up below 256 levels unless told otherwise, so it cannot overflow.
    parser = html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    return html.document_fromstring(page.encode("utf-8", "replace") or b"<p>", parser=parser)


def parse_xml(content: bytes) -> Element:
    """The root of an XML document.

    Raises:
        SyntaxError: it is not well formed; says where.
    """
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    return etree.fromstring(content, parser)


def text_of(element: Element) -> str:
    """All text of an element, in one line."""
    return " ".join("".join(element.itertext()).split())


def text_blocks(tree: Element) -> list[str]:
    """All visible text of a tree, in a block for each paragraph, heading, item and table row."""
    from lxml import etree

    blocks: list[str] = []
    parts: list[str] = []

    def flush(start: str = "") -> None:
        lines = (" ".join(line.split()) for line in "".join(parts).split("\n"))
        text = "\n".join(filter(None, lines)).removesuffix(" |")
        if text.strip("– "):
            blocks.append(text)
        parts[:] = [start] if start else []

    walk = etree.iterwalk(tree, events=("start", "end"))
    for event, element in walk:
        tag = element.tag if isinstance(element.tag, str) else ""
        if event == "start":
            if tag in _BLOCKS:
                flush("– " if tag == "li" else "")
            if tag in _UNSEEN or not tag:
                walk.skip_subtree()
            else:
                parts.append(_inline(element.text) if tag != "br" else "\n")
        else:
            if tag in _BLOCKS:
                flush()
            parts.append((" | " if tag in ("td", "th") else "") + _inline(element.tail))
    flush()
    return blocks


def _inline(text: str | None) -> str:
    return re.sub(r"\s+", " ", text or "")
