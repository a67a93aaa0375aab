"""The claims of an answer, each with the sources it cites and without its Markdown.

Two kinds of text are read: the extractive answer, where bylines announce quoted sentences, and
prose, where ``[1]``, ``[1][2]`` or ``[1, 2]`` follow a sentence.
"""

import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from assistant.schema import Check, Citation
from assistant.text.citation_marks import MARK, Mark, marks_in
from assistant.text.quantities import plain
from assistant.text.sentences import Span, split_sentences
from assistant.text.tokens import stems, words

_BLOCK_END = re.compile(r"\n(?=[ \t]*(?:\n|[-*+•>]\s|#|\d{1,3}[.)]\s|\*\*))")
_BULLET = re.compile(r"(?:[-*+•>]\s+|\d{1,3}[.)]\s+)+")
_BOLD = re.compile(r"\*\*(?P<bold>(?:(?!\*\*)[^\n])+)\*\*\s*(?:\((?P<rest>[^\n]*)\))?")
_MARKUP = re.compile(r"\*+|`+|__+")
_LINK = re.compile(r"\[([^\[\]]{1,200})\]\([^()\s]{1,500}\)")
_NOTHING_SAID = re.compile(
    r"\b(?:articles?|passages?|sources?|documents?|texts?)\b.{0,80}?(?:\b(?:not|no|nothing|cannot)\b"
    r"|n[’']t\b)|\b(?:no|none|neither|nothing)\b.{0,40}?\b(?:articles?|passages?|sources?)\b",
    re.IGNORECASE | re.DOTALL,
)
_LONGEST_QUOTATION = 8
"""Most sentences of one quotation that are one claim."""

_FEW_WORDS = 2
"""Content words of "In short, yes": what says no more needs no source."""

Kind = Literal["prose", "quotation", "short answer"]


@dataclass(frozen=True)
class Claim:
    """A sentence of an answer that asserts something."""

    start: int
    end: int
    """Characters of the answer, the citation marks included."""
    text: str
    """Without marks and Markdown, on one line."""
    cited: tuple[int, ...]
    kind: Kind
    """quotation: a whole sentence of an article, under its byline."""


def claims_of(text: str, citations: Sequence[Citation]) -> list[Claim]:
    """The claims in order, without bylines, headings, refusals and connectives."""
    found: list[Claim] = []
    quotations: Set[str] | None = {plain(citation.quote) for citation in citations}
    for number, (start, end) in enumerate(_blocks(text)):
        block = text[start:end]
        bold = _BOLD.fullmatch(block)
        if bold and _is_byline(bold, citations):
            quotations = None
        elif bold and bold["rest"] is None and not MARK.search(block):
            first = citations[0].number if citations and number == 0 else None
            found += _bold_claim(start, end, _cleaned(bold["bold"]), first)
        elif quotations is None or not block.startswith("#"):
            found += _block_claims(text, (start, end), citations, quotations)
    if quotations is not None:  # no byline: what is bold above prose may be a heading
        found = [one for one in found if one.kind != "short answer" or _tells(one.text)]
    return [one for one in found if words(one.text)]


def _bold_claim(start: int, end: int, said: str, source: int | None) -> Iterator[Claim]:
    """A line all in bold: the short answer where it is the first, else a sentence or a heading."""
    if source is not None:
        yield Claim(start, end, said, (source,), "short answer")
    elif said.endswith((".", "!", "?")):
        yield Claim(start, end, said, (), "prose")


def _tells(line: str) -> bool:
    """Whether a line has a figure, the end of a sentence, or a capital after its first word."""
    return bool(re.search(r"\d|[.!?]$|\s\W*[A-Z]", line))


def _blocks(text: str) -> Iterator[Span]:
    """Paragraphs, list items and headings, without white space around them."""
    ends = [match.start() for match in _BLOCK_END.finditer(text)]
    for low, high in pairwise([0, *ends, len(text)]):
        block = text[low:high]
        start, kept = low + len(block) - len(block.lstrip()), block.strip()
        if kept:
            yield start, start + len(kept)


def _is_byline(bold: re.Match[str], citations: Sequence[Citation]) -> bool:
    """Whether a bold line is the title of a cited article, with its outlet and date or without."""
    title, rest = plain(bold["bold"]), set(words(bold["rest"] or ""))
    return any(
        plain(c.title) == title
        and rest <= {*words(c.source or ""), *words(c.published or ""), "date", "unknown"}
        for c in citations
    )


def _block_claims(
    text: str, block: Span, citations: Sequence[Citation], quotations: Set[str] | None
) -> Iterator[Claim]:
    """The claims of a paragraph; a mark belongs to the sentence that it follows.

    Args:
        quotations: the quotes of all citations, plain; None: every block is one.
    """
    start, end = block
    marks = [mark for mark in marks_in(text, start, end) if not _of_a_source(text, mark, citations)]
    bullet = _BULLET.match(text, start, end)
    first = bullet.end() if bullet else start
    bare = _without(text, first, end, marks)
    if quotations is None or plain(bare) in quotations:
        yield Claim(start, end, " ".join(bare.split()), _numbers(marks), "quotation")
        return
    spans = [(first + s, first + e) for s, e in _sentences(bare)]
    ends = [s for s, _ in spans[1:]] + [end] * bool(spans)
    for number, ((low, high), following) in enumerate(zip(spans, ends, strict=True)):
        own = [m for m in marks if (low if number else start) <= m.start < following]
        said, cited = _cleaned(bare[low - first : high - first]), _numbers(own)
        if cited or not _needs_no_source(said):
            yield Claim(low, max([high, *(m.end for m in own)]), said, cited, "prose")


def _numbers(marks: Sequence[Mark]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(number for mark in marks for number in mark.numbers))


def _of_a_source(text: str, mark: Mark, citations: Sequence[Citation]) -> bool:
    """Whether a mark that names no source was copied from a cited passage with the text before."""
    if set(mark.numbers) & {citation.number for citation in citations}:
        return False
    written = text[max(mark.start - 12, 0) : mark.end]
    return any(written in citation.context for citation in citations)


def _without(text: str, start: int, end: int, marks: Sequence[Mark]) -> str:
    """The characters with spaces for the marks, so that offsets stay."""
    pieces, at = [], start
    for mark in marks:
        pieces += [text[at : mark.start], " " * (mark.end - mark.start)]
        at = mark.end
    return "".join([*pieces, text[at:end]])


def _cleaned(text: str) -> str:
    text = _MARKUP.sub("", _LINK.sub(r"\1", text))
    return re.sub(r" ([,.;:!?])", r"\1", " ".join(text.split()))


def _sentences(bare: str) -> list[Span]:
    """The sentences; a quotation is one sentence, text without a letter joins the one before."""
    found: list[Span] = []
    spans = split_sentences(bare)
    at = 0
    while at < len(spans):
        start, end = spans[at]
        reach = spans[at : at + _LONGEST_QUOTATION]
        closed = next((i for i, s in enumerate(reach) if not _is_open(bare[start : s[1]])), 0)
        at += closed + 1
        end = reach[closed][1]
        if found and not any(c.isalnum() for c in bare[start:end]):
            start = found.pop()[0]
        found.append((start, end))
    return found


def _is_open(text: str) -> bool:
    """Whether a quotation has begun that does not end here."""
    return (
        text.count("“") > text.count("”")
        or text.count("«") > text.count("»")
        or text.count('"') % 2 == 1
    )


def _needs_no_source(said: str) -> bool:
    """Whether a sentence only says that the sources are silent, or leads over to another."""
    if any(c.isdigit() or c in '“"«' for c in said):
        return False
    return bool(said.endswith(":") or len(stems(said)) <= _FEW_WORDS or _NOTHING_SAID.search(said))


def without_fabrications(text: str, checks: Sequence[Check]) -> tuple[str, tuple[Check, ...], int]:
    """The answer without its fabricated claims, the other checks, and how many claims were removed.

    Bullets, blank lines and bylines that are left without a claim are removed, too; the offsets of
    the checks are those of the new text.
    """
    removed = [check for check in checks if check.fabricated]
    if not removed:
        return text, tuple(checks), 0
    kept = [check for check in checks if not check.fabricated]
    new, shifted = "", []
    for start, end, before in _kept_blocks(text, removed, kept):
        new += before if new else ""
        for low, high in _pieces(text, start, end, removed):
            own = [check for check in kept if low <= check.start and check.end <= high]
            move = len(new) - low
            shifted += [replace(c, start=c.start + move, end=c.end + move) for c in own]
            new += text[low:high]
        new = new.rstrip()
    return new, tuple(shifted), len(removed)


def _kept_blocks(
    text: str, removed: Sequence[Check], kept: Sequence[Check]
) -> list[tuple[int, int, str]]:
    """The blocks that are left without the removed claims, each with the white space before it."""
    found: list[tuple[int, int, str, bool]] = []
    last = 0
    for start, end in _blocks(text):
        before, last = text[last:start], end
        rest = "".join(text[low:high] for low, high in _pieces(text, start, end, removed))
        bold = _BOLD.fullmatch(rest)
        byline = bool(bold and bold["rest"]) and not any(start <= c.start < end for c in kept)
        if any(c.isalnum() for c in _BULLET.sub("", rest)):
            if byline and found and found[-1][-1]:
                found.pop()
            found.append((start, end, before, byline))
    if found and found[-1][-1]:
        found.pop()
    return [(start, end, before) for start, end, before, _ in found]


def _pieces(text: str, start: int, end: int, removed: Sequence[Check]) -> Iterator[Span]:
    """The parts of a block that are kept."""
    at = start
    for check in removed:
        if start <= check.start < end:
            yield at, check.start
            at = check.end
            while at < end and text[at].isspace():
                at += 1
    yield at, end
