"""Bytes to clean text: the encoding is found, and what no reader should see is dropped."""

import codecs
import re
import unicodedata

from charset_normalizer import from_bytes

from assistant.errors import ArticleError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MAGIC = {
    b"%PDF": "a PDF",
    b"PK\x03\x04": "a Word document, a book or an archive",
    b"\xd0\xcf\x11\xe0": "an old Office document",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"\x1f\x8b": "a compressed file",
}
_DECLARED = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)

# Controls, and the marks that make text read in another order than it is stored (a known way to
# show one thing and quote another). Zero-width joiners stay: emoji and some scripts need them.
_UNSEEN = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff\u202d\u202e\ufffe\uffff]")
_LINE_END = re.compile(r"\r\n|[\r\x0b\x0c\x85\u2028]")


def decode(content: bytes, path: str) -> str:
    """The text of a file in whatever encoding it has.

    Raises:
        ArticleError: it is not text, or its encoding cannot be recognised.
    """
    for magic, kind in _MAGIC.items():
        if content.startswith(magic):
            raise ArticleError(path, f"is {kind}, not text", "save its text as .txt, .md or .html")
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            # The codecs named without an ending take the mark off by themselves, UTF-8 does not.
            return clean(content.removeprefix(codecs.BOM_UTF8).decode(encoding, "replace"))
    if b"\x00" in content:
        raise ArticleError(path, "is a binary file, not text", "save its text as .txt or .md")
    return clean(_decode_unmarked(content, path))


def _decode_unmarked(content: bytes, path: str) -> str:
    declared = _DECLARED.search(content[:4096])
    for encoding in ("utf-8", declared.group(1).decode("ascii") if declared else "utf-8"):
        try:
            return content.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    best = from_bytes(content).best()
    if best is None:
        raise ArticleError(
            path, "is not text in any encoding that is recognised", "save it as UTF-8 text"
        )
    return str(best)


def clean(text: str) -> str:
    """Composed characters, plain line ends, nothing invisible, at most one blank line in a row."""
    text = unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode())
    text = _LINE_END.sub("\n", text).replace("\u2029", "\n\n")
    lines = [line.rstrip() for line in _UNSEEN.sub("", text).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
