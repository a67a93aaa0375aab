"""Plain text and Markdown, both with or without front matter."""

import re
from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

from assistant.errors import ArticleError
from assistant.schema import Article
from assistant.sources.decoding import clean, decode
from assistant.sources.front_matter import split_front_matter
from assistant.sources.metadata import make_article

_CLUTTER = re.compile(
    r"""(?: listen\ to\ this\ (?:article|story) | (?:share|print|email|save|bookmark)(?:\ this)?
        (?:\ (?:article|page|story))? | advertisement | ad | (?:read|see|load)\ more
        | skip\ to\ (?:main\ )?content | sign\ (?:in|up) | subscribe(?:\ now)? | log\ in
        | (?:facebook|twitter|x|telegram|whatsapp|linkedin|copy\ link)
        | \d+\ (?:min(?:ute)?s?)\ read | \d+\ comments? | comments )[.:!]?""",
    re.IGNORECASE | re.VERBOSE,
)
"""Lines that a web page shows around its article; only whole lines match."""

_LABELS = frozenset(("categories", "category", "tags", "topics", "filed under", "related"))
"""Lines after which the next line is a label, not text."""

_MAX_LABEL_WORDS = 8
_MAX_TITLE_WORDS = 40


def parse_text(content: bytes, path: str) -> Article:
    """The article of a text file, without clutter and with the title that it begins with.

    Only a file that begins with a mapping between two ``---`` has front matter; any other is text
    from its first line on.
    """
    text = decode(content, path)
    facts: dict[str, object] = {}
    try:
        facts, body = split_front_matter(text, path)
    except ArticleError:
        body = text
    body = drop_clutter(clean(body))
    if not facts.get("title"):
        title, body = split_title(body)
        facts = facts | {"title": title}
    return make_article(path, body, facts)


def drop_clutter(text: str) -> str:
    """The text without lines that belong to its web page only."""
    lines = text.split("\n")
    kept: list[str] = []
    label_follows = False
    for line in lines:
        bare = line.strip()
        if label_follows and bare:
            label_follows = False
            if len(bare.split()) <= _MAX_LABEL_WORDS:
                continue
        if bare.rstrip(":").lower() in _LABELS:
            label_follows = True
        elif not _CLUTTER.fullmatch(bare):
            kept.append(line)
    return clean("\n".join(kept))


def split_title(text: str) -> tuple[str, str]:
    """The title and the rest; "" and all of it unless its first line stands alone like a title."""
    first, _, rest = text.partition("\n")
    alone = rest.startswith("\n") and rest.strip()
    is_title = 0 < len(first.split()) <= _MAX_TITLE_WORDS and not first.rstrip().endswith(".")
    return (first.strip(), rest.strip("\n")) if alone and is_title else ("", text)


def parse_markdown(content: bytes, path: str) -> Article:
    """The article of a Markdown file, as plain text.

    Raises:
        ArticleError: its front matter cannot be read.
    """
    facts, body = split_front_matter(decode(content, path), path)
    blocks = _plain_blocks(body)
    title = " ".join(str(facts.get("title") or "").split())
    # A first heading that equals the title would be repeated.
    if blocks and blocks[0][0] == "h1" and (not title or blocks[0][1] == title):
        facts = facts | {"title": blocks[0][1]}
        blocks = blocks[1:]
    return make_article(path, clean("\n\n".join(text for _, text in blocks)), facts)


def _plain_blocks(markdown: str) -> list[tuple[str, str]]:
    """(kind of block, its plain text). HTML in Markdown is text like any other, never markup."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    blocks: list[tuple[str, str]] = []
    kind = marker = ""
    row: list[str] | None = None
    for token in parser.parse(markdown):
        if token.type == "list_item_open":
            marker = f"{token.info}. " if token.info else "– "
        elif token.type == "tr_open":
            row = []
        elif token.type == "tr_close" and row is not None:
            blocks.append(("row", " | ".join(row)))
            row = None
        elif token.type.endswith("_open"):
            kind = token.tag
        elif token.type == "inline":
            text = _plain_inline(token.children or ())
            if row is not None:
                row.append(text)
            else:
                blocks.append((kind, marker + text))
                marker = ""
        elif token.type in ("fence", "code_block"):
            blocks.append(("code", token.content.rstrip("\n")))
    return blocks


def _plain_inline(tokens: Sequence[Token]) -> str:
    parts = []
    for token in tokens:
        if token.type in ("softbreak", "hardbreak"):
            parts.append(" " if token.type == "softbreak" else "\n")
        else:
            parts.append(token.content)  # empty for marks of emphasis and links
    return "".join(parts)
