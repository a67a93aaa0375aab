"""Rich text documents; the adapter of striprtf."""

import re
from typing import Any

from assistant.errors import ArticleError
from assistant.sources.metadata import FiledArticle, make_article

_CODE_PAGE = re.compile(rb"\\ansicpg(\d{3,5})")
_TITLE = re.compile(r"\{\\title[ \r\n]([^{}]{1,2000})\}")

# Pictures are written as megabytes of digits, and striprtf looks at each.
_PICTURE = re.compile(rb"(?:[0-9a-fA-F]{32,}[\r\n]*){4,}")

# Addresses of links: striprtf writes them into the text, and takes minutes for many of them. An
# unknown destination is skipped.
_IGNORED = b"\\*\\fieldtarget"

MAX_GROUPS = 1_000_000
"""Opening braces; each one that is not closed is kept in memory."""

_BLANKS = re.compile(r"[ \t]*\n\s*")


def parse_rtf(content: bytes, path: str) -> FiledArticle:
    """The article of a rich text document.

    Raises:
        ArticleError: it is not one, or it is damaged.
    """
    from striprtf import striprtf

    if not content.lstrip()[:5].startswith(b"{\\rtf"):
        raise ArticleError(path, "is not a rich text document", "save it again as .rtf or .docx")
    to_text: Any = striprtf.rtf_to_text
    if content.count(b"{") > MAX_GROUPS:
        problem = f"is nested more than {MAX_GROUPS:,} times"
        raise ArticleError(path, problem, "save it again as .docx")
    declared = _CODE_PAGE.search(content[:4096])
    encoding = f"cp{declared[1].decode()}" if declared else "cp1252"
    try:
        source = _PICTURE.sub(b"", content).replace(b"\\fldinst", _IGNORED)
        text = to_text(source.decode(encoding, "replace"), encoding, "replace")
        title = _TITLE.search(content[:20_000].decode(encoding, "replace"))
        facts = {"title": title and to_text(f"{{\\rtf1 {title[1]}}}", encoding, "replace")}
    except (LookupError, ValueError, IndexError, OverflowError) as error:
        reason = " ".join(str(error).split())[:80]
        problem = f"is a damaged rich text document ({reason})"
        raise ArticleError(path, problem, "save it again as .rtf or .docx") from error
    return make_article(path, _BLANKS.sub("\n\n", text), facts, begins_with_title=True)
