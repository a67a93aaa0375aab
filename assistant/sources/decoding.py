"""Bytes to clean text: the encoding is detected, and invisible characters are dropped."""

import codecs
import io
import re
import unicodedata
from collections.abc import Callable
from typing import BinaryIO

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
    b"%PDF": ("a PDF", "give it the ending .pdf"),
    b"{\\rtf": ("a rich text document", "give it the ending .rtf"),
    b"PK\x03\x04": (
        "a Word document, a book or an archive",
        "give it the ending .docx, .epub or .zip",
    ),
    b"\xd0\xcf\x11\xe0": ("an old Office document", "save it as .docx"),
    b"\x89PNG": ("a picture", "save its text as .txt or .md"),
    b"\xff\xd8\xff": ("a picture", "save its text as .txt or .md"),
    b"GIF8": ("a picture", "save its text as .txt or .md"),
    b"\x1f\x8b": ("a compressed file", "unpack it"),
}
_DECLARED = re.compile(
    rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]+)"
    rb"|^\s{0,9}<\?xml[^>]{0,99}?encoding\s*=\s*[\"']([\w.:-]+)",
    re.IGNORECASE,
)
# Pages that declare the first are written in the second, and browsers read them so. In the first,
# curly quotes would be control characters and vanish.
_AS_BROWSERS = {
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}
_SAMPLE = 1 << 20
"""Bytes used to detect an encoding."""

# Control characters, and the marks that show text in another order than it is stored (a known way
# to show one thing and quote another). Zero-width joiners stay: emoji and some scripts need them.
_UNSEEN = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff\u202d\u202e\ufffe\uffff]")
_LINE_END = re.compile(r"\r\n|[\r\x0b\x0c\x85\u2028]")


def decode(content: bytes, path: str) -> str:
    """The clean text of a file in any encoding.

    Raises:
        ArticleError: it is not text, or its encoding is not recognised.
    """
    for magic, (kind, remedy) in _MAGIC.items():
        if content.startswith(magic):
            raise ArticleError(path, f"is {kind}, not text", remedy)
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            # The other codecs remove the mark themselves.
            return clean(content.removeprefix(codecs.BOM_UTF8).decode(encoding, "replace"))
    if b"\x00" in content:
        raise ArticleError(path, "is a binary file, not text", "save its text as .txt or .md")
    return clean(_decode_unmarked(content, path))


def encoding_of(opened: Callable[[], BinaryIO], path: str) -> tuple[str, bool]:
    """The encoding of a text file of any length, and whether it is a guess.

    The file is read to its end, piece by piece, to be sure whether it is UTF-8.

    Raises:
        ArticleError: its encoding is not recognised.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    with opened() as file:
        sample = piece = file.read(_SAMPLE)
        for mark, encoding in _MARKS:
            if sample.startswith(mark):
                return "utf-8-sig" if encoding == "utf-8" else encoding, False
        try:
            while piece:
                decoder.decode(piece)
                piece = file.read(_SAMPLE)
            decoder.decode(b"", final=True)
            return "utf-8", False
        except UnicodeDecodeError:
            pass
    # Whole lines: a character cut in two would count against the right encoding.
    best = from_bytes(sample[: sample.rfind(b"\n") + 1] or sample).best()
    if best is None:
        raise _unknown_encoding(path)
    return best.encoding, True


def open_text(opened: Callable[[], BinaryIO], encoding: str) -> io.TextIOWrapper:
    """The file as text with its own line ends; bytes that are not in the encoding become U+FFFD."""
    return io.TextIOWrapper(opened(), encoding, errors="replace", newline="")


def _unknown_encoding(path: str) -> ArticleError:
    return ArticleError(
        path, "is not text in any encoding that is recognised", "save it as UTF-8 text"
    )


def _decode_unmarked(content: bytes, path: str) -> str:
    for encoding in ("utf-8", _declared_encoding(content)):
        try:
            return content.decode(encoding)
        except (UnicodeError, LookupError):  # LookupError: some codecs do not decode to text
            continue
    best = from_bytes(content).best()
    if best is None:
        raise _unknown_encoding(path)
    return str(best)


def _declared_encoding(content: bytes) -> str:
    found = _DECLARED.search(content[:4096])
    if found is None:
        return "utf-8"
    declared = (found[1] or found[2]).decode("ascii")
    try:
        name = codecs.lookup(declared).name
    except LookupError:
        return "utf-8"
    return as_browsers(name)


def as_browsers(codec: str) -> str:
    """The encoding with which browsers read pages that declare this one (Python's names)."""
    return _AS_BROWSERS.get(codec, codec)


def clean(text: str) -> str:
    """The text in NFC with Unix line ends, nothing invisible and single blank lines at most."""
    text = unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode())
    text = _LINE_END.sub("\n", text).replace("\u2029", "\n\n")
    lines = [line.rstrip() for line in _UNSEEN.sub("", text).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
