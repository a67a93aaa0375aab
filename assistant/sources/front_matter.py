"""Front matter: the lines of YAML between two ``---`` at the head of a file, read and changed."""

import re
from collections.abc import Mapping
from typing import Any

import yaml
from frontmatter.default_handlers import YAMLHandler

from assistant.errors import ArticleError

Facts = Mapping[str, str | list[str]]

# What may stand before the first --- is what `clean` takes away.
_BLOCK = re.compile(r"[\ufeff\s]*-{3,}[^\S\n]*\n(.*?)^-{3,}[^\S\n]*$", re.DOTALL | re.MULTILINE)
_REMEDY = "correct the lines between the two ---"


class _NoAliases(yaml.SafeLoader):
    """Refuses aliases: nine lines of them can stand for gigabytes."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases are not read", event.start_mark)
        return super().compose_node(parent, index)


def split_front_matter(text: str, path: str) -> tuple[dict[str, Any], str]:
    """The front matter of a file and the text after it.

    Raises:
        ArticleError: the front matter is not YAML, or not a mapping.
    """
    handler = YAMLHandler()
    if not handler.detect(text):
        return {}, text
    try:
        block, body = handler.split(text)
    except ValueError as error:
        raise ArticleError(path, "its front matter is not closed by ---", _REMEDY) from error
    try:
        facts = handler.load(block, Loader=_NoAliases)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ArticleError(path, f"its front matter is not YAML ({reason})", _REMEDY) from error
    if facts is None:
        return {}, body
    if not isinstance(facts, dict):
        raise ArticleError(path, "its front matter is not a list of `key: value`", _REMEDY)
    return facts, body


def write_front_matter(facts: Mapping[str, Any]) -> str:
    """The lines of a file's front matter, both ``---`` included."""
    return f"---\n{_dump(facts)}---\n\n"


def change_front_matter(text: str, changes: Facts, path: str) -> str:
    """The text of a file with these keys set; a key with an empty value is taken away.

    The text after the front matter stays letter by letter. So do the other keys and the comments,
    unless the front matter is a mapping in braces or otherwise cannot be changed line by line: then
    it is written anew, and its comments are lost.

    Raises:
        ArticleError: its front matter cannot be read.
    """
    found = _BLOCK.match(text)
    facts, _ = split_front_matter(found[0] + "\n" if found else "", path)
    wanted = {key: value for key, value in (facts | dict(changes)).items() if _is_given(value)}
    if found is None and not wanted:
        return text
    if found is None:
        mark = "\ufeff" if text.startswith("\ufeff") else ""
        return mark + write_front_matter(wanted) + text.removeprefix("\ufeff")
    end = "\r\n" if "\r\n" in found[0] else "\n"
    block = _change_lines(found[1], changes, end)
    if block is None or _loaded(block) != wanted:
        block = _dump(wanted).replace("\n", end)
    return text[: found.start(1)] + block + text[found.end(1) :]


def _is_given(value: object) -> bool:
    return value is not None and value != "" and value != []


def _loaded(block: str) -> dict[Any, Any] | None:
    """What a block says, keys without a value left out; None when it is no mapping."""
    try:
        facts = yaml.load(block, Loader=_NoAliases) or {}
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    if not isinstance(facts, dict):
        return None
    return {key: value for key, value in facts.items() if _is_given(value)}


def _dump(facts: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(facts), allow_unicode=True, sort_keys=False, width=1000)


def _change_lines(block: str, changes: Facts, end: str) -> str | None:
    """The block with the lines of these keys changed; None where that cannot be done."""
    try:
        root = yaml.compose(block, Loader=_NoAliases)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    if root is not None and (not isinstance(root, yaml.MappingNode) or root.flow_style):
        return None
    left = dict(changes)
    pieces, at = [], 0
    for key, value in root.value if root is not None else ():
        if key.value not in changes:
            continue
        new = left.pop(key.value, "")
        start, stop = key.start_mark.index, _end_of(value, block)
        if not new:  # its whole lines, with a comment that explains it
            stop = block.find("\n", stop) + 1 or len(block)
        pieces += [block[at:start], _dump({key.value: new}).rstrip("\n") if new else ""]
        at = stop
    rest = block[at:]
    given = {key: value for key, value in left.items() if value}
    added = _dump(given) if given else ""
    if rest and not rest.endswith("\n") and added:
        rest += end
    return "".join(pieces) + rest + added.replace("\n", end)


def _end_of(node: yaml.Node, block: str) -> int:
    """Where a value ends: the marks of lists in lines reach over the comments behind them."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end_of(last[1] if isinstance(last, tuple) else last, block)
    return len(block[: node.end_mark.index].rstrip())
