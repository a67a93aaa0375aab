"""Plain text and Markdown, and the front matter of both; the adapter of markdown-it and PyYAML.

Front matter is the lines of YAML between two ``---`` at the head of a file. It is changed line by
line: ruamel.yaml keeps comments, but respells the other keys and drops the comment after a list.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import yaml
from markdown_it import MarkdownIt

from assistant.errors import ArticleError
from assistant.sources.decoding import clean, decode
from assistant.sources.metadata import FiledArticle, make_article

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
_BREAKS = {"softbreak": " ", "hardbreak": "\n"}

# Before the first --- may stand what `clean` takes away: a byte order mark and empty lines.
_BLOCK = re.compile(
    r"[\ufeff\s]*(?<![ \t])-{3,}[^\S\n]*\n(.*?)^-{3,}[^\S\n]*$", re.DOTALL | re.MULTILINE
)
_OPENING = re.compile(r"-{3,}[^\S\n]*$", re.MULTILINE)
_REMEDY = "correct the lines between the two ---"


class _NoAliases(yaml.SafeLoader):
    """Refuses aliases: nine lines of them can stand for gigabytes."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases are not read", event.start_mark)
        return super().compose_node(parent, index)


def parse_text(content: bytes, path: str) -> FiledArticle:
    """The article of a text file, without clutter and with the title that it begins with.

    Only a file that begins with a mapping between two ``---`` has front matter; any other is text
    from its first line on.
    """
    text = decode(content, path)
    facts: dict[str, Any] = {}
    with suppress(ArticleError):
        facts, text = split_front_matter(text, path)
    return make_article(path, drop_clutter(text), facts, begins_with_title=True)


def drop_clutter(text: str) -> str:
    """The clean text without lines that belong to its web page only."""
    kept: list[str] = []
    label_follows = False
    for line in clean(text).split("\n"):
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


def parse_markdown(content: bytes, path: str) -> FiledArticle:
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
    return make_article(path, "\n\n".join(text for _, text in blocks), facts)


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
            text = "".join(_BREAKS.get(part.type, part.content) for part in token.children or ())
            if row is not None:
                row.append(text)
            else:
                blocks.append((kind, marker + text))
                marker = ""
        elif token.type in ("fence", "code_block"):
            blocks.append(("code", token.content.rstrip("\n")))
    return blocks


# ---- front matter ---------------------------------------------------------------------------


def split_front_matter(text: str, path: str) -> tuple[dict[str, Any], str]:
    """The front matter of a text that `clean` gives, and the text after it.

    Raises:
        ArticleError: the front matter is not YAML, or not a mapping.
    """
    found = _BLOCK.match(text)
    if found is not None:
        return _facts(found[1], path), text[found.end() :]
    if _OPENING.match(text):
        raise ArticleError(path, "its front matter is not closed by ---", _REMEDY)
    return {}, text


def _facts(block: str, path: str) -> dict[str, Any]:
    try:
        # Errors count the line of the first ---, but not empty lines after it.
        facts = yaml.load("\n" + block.lstrip("\n"), Loader=_NoAliases)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ArticleError(path, f"its front matter is not YAML ({reason})", _REMEDY) from error
    if facts is not None and not isinstance(facts, dict):
        raise ArticleError(path, "its front matter is not a list of `key: value`", _REMEDY)
    return facts or {}


def write_front_matter(facts: Mapping[str, Any]) -> str:
    """The lines of front matter with the facts that have a value, both ``---`` included."""
    return f"---\n{_dump(_given(facts))}---\n\n"


def _dump(facts: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(facts), allow_unicode=True, sort_keys=False, width=1000)


def change_front_matter(text: str, changes: Mapping[str, Any], path: str) -> str:
    """The text of a file with these keys set; a key with an empty value is removed.

    The text after the front matter stays as it is, to the letter. So do the other keys and the
    comments, unless the front matter is a mapping in braces or otherwise cannot be changed line by
    line: then it is rewritten, and its comments are lost.

    Raises:
        ArticleError: its front matter cannot be read.
    """
    found = _BLOCK.match(text)
    facts = _facts(found[1], path) if found else {}
    wanted = _given(facts | dict(changes))
    if found is None:
        mark = "\ufeff" if text.startswith("\ufeff") else ""
        return mark + write_front_matter(wanted) + text.removeprefix(mark) if wanted else text
    end = "\r\n" if "\r\n" in found[0] else "\n"
    before, after = text[: found.start(1)], text[found.end(1) :]
    block = _change_lines(found[1], changes, end)
    with suppress(ArticleError):
        if block is not None and _given(_facts(block, path)) == wanted:
            return before + block + after
    return before + _dump(wanted).replace("\n", end) + after


def _given(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts that have a value."""
    return {key: value for key, value in facts.items() if value not in (None, "", [])}


def _change_lines(block: str, changes: Mapping[str, Any], end: str) -> str | None:
    """A readable block with the lines of these keys changed; None where it is not made of lines."""
    root = yaml.compose(block, Loader=_NoAliases)
    if root is not None and (not isinstance(root, yaml.MappingNode) or root.flow_style):
        return None
    added = _given(changes)
    changed, at = "", 0
    for key, value in root.value if root is not None else ():
        if key.value not in changes:
            continue
        changed += block[at : key.start_mark.index]
        at = _end_of(value, block)
        if key.value in added:
            changed += _dump({key.value: added.pop(key.value)}).rstrip("\n")
        else:  # its whole lines, with a comment that explains it
            at = block.find("\n", at) + 1 or len(block)
    changed += block[at:]
    return changed + _dump(added).replace("\n", end) if added else changed


def _end_of(node: yaml.Node, block: str) -> int:
    """Where a value ends: the marks of lists in lines reach over the comments after them."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end_of(last[1] if isinstance(last, tuple) else last, block)
    return len(block[: node.end_mark.index].rstrip())
