"""The sentences of news prose.

Made for English. In other languages the full stops of their scripts end sentences, too, and in
scripts without spaces characters are counted as words (`count_words`).

All offsets count characters of the original text; nothing is normalised, so ``text[start:end]`` is
the sentence itself for any text.
"""

import re
import unicodedata
from collections.abc import Iterator

from assistant.schema import Passage
from assistant.text.tokens import UNSPACED, count_words

Span = tuple[int, int]

MAX_SENTENCE = 1_000
"""Characters; a longer run without a full stop is cut at white space, or anywhere without any."""

MAX_SENTENCE_WORDS = 120

MAX_HEADING_WORDS = 12

_PARAGRAPH_END = re.compile(r"\n\s*\n|\u2029")
_OTHER_STOPS = "。！？｡؟۔।॥።፧။។៕։܀᠃꓿"
"""Full stops of Chinese and Japanese, Arabic, Urdu, Hindi, Amharic, Burmese, Khmer, Armenian,
Syriac, Mongolian and Lisu: those of Unicode's Sentence_Terminal that have no other use."""

_STOP = re.compile(rf"[.!?…]+[\"'”’»›)\]]*(?=\s)|[{_OTHER_STOPS}]+[\"'”’»›)\]」』》】）]*")
_PAUSE = re.compile(r"[，、；：,;:،؛၊፣\s]")
"""Where a sentence is cut that is too long and has no spaces."""

_NEXT = re.compile(r"\s*[\"'“‘«‹(\[„¿¡—–-]*\s*(\w+)?")
_LAST_WORD = re.compile(r"(?:\w\.)+\w$|[^\W_]+$")

_BEFORE_NAMES = frozenset(
    """mr mrs ms mx dr prof hon rev fr sr gen col lt sgt cpl maj capt cmdr adm brig sen rep gov pres
    supt insp st mt ft messrs mme mlle vs approx e.g i.e cf al viz ca art""".split()
)
"""Abbreviations whose full stop never ends a sentence."""

_BEFORE_NUMBERS = frozenset(
    "no nos p pp vol fig sec ch jan feb mar apr jun jul aug sept sep oct nov dec".split()
)
"""Abbreviations whose full stop does not end a sentence when a number follows."""

_STARTERS = frozenset(
    """a after all although an and as at because before both but by despite during each even every
    few for from further he her here his how however i if in instead it its last later many
    meanwhile more most neither nevertheless no nor not now of officials on once one only or other
    our over since she so some still such that the their then there these they this those though
    thus to today two under until we what when where whether which while who why with yet you
    your""".split()
)
"""Words that begin a sentence if they are capitalised, even after "U.S." or "J."."""


def split_sentences(text: str) -> list[Span]:
    """The sentences of a text as (start, end), without the white space between them.

    "U.S.", "Gen." and initials do not end a sentence; closing quotation marks belong to their
    sentence; a blank line always ends one. The time is linear in the length of the text.
    """
    return [span for paragraph in paragraphs(text) for span in paragraph]


def paragraphs(text: str) -> Iterator[list[Span]]:
    """The sentences of each paragraph."""
    start = 0
    for end, following in [*(match.span() for match in _PARAGRAPH_END.finditer(text)), (None, 0)]:
        spans = list(_sentences(text, start, len(text) if end is None else end))
        if spans:
            yield spans
        start = following


def _sentences(text: str, start: int, end: int) -> Iterator[Span]:
    at = start
    for match in _STOP.finditer(text, start, end):
        if _ends_sentence(text, match.start(), match.end(), end):
            yield from _bounded(text, at, match.end())
            at = match.end()
    yield from _bounded(text, at, end)


def _ends_sentence(text: str, stop: int, after: int, end: int) -> bool:
    """Whether the stop at `stop`, closed at `after`, ends its sentence."""
    following = _NEXT.match(text[after : min(after + 40, end)])
    word = (following.group(1) or "") if following else ""
    if text[stop] in _OTHER_STOPS:
        return True
    if word[:1].islower():
        return False
    if text[stop] != "." or text[stop : stop + 2] == "..":
        return True
    before = _LAST_WORD.search(text[max(stop - 16, 0) : stop])
    last = before.group() if before else ""
    if last.lower() in _BEFORE_NAMES:
        return False
    if last.lower() in _BEFORE_NUMBERS and word[:1].isdigit():
        return False
    initial = (len(last) == 1 and last.isupper()) or ("." in last)
    company = last in {"Inc", "Corp", "Ltd", "Co", "Bros", "Jr"}
    return not (initial or company) or not word or word.lower() in _STARTERS


def _bounded(text: str, start: int, end: int) -> Iterator[Span]:
    """The span without surrounding white space, in pieces that are not too long."""
    while True:
        while start < end and text[start].isspace():
            start += 1
        while start < end and text[end - 1].isspace():
            end -= 1
        if start >= end:
            return
        cut = _cut(text, start, end)
        yield start, cut
        start = cut


def _cut(text: str, start: int, end: int) -> int:
    """The end of the piece that begins at `start`: `end`, unless the piece would be too long."""
    piece = text[start : min(start + MAX_SENTENCE, end)]
    if not piece.isascii() and UNSPACED.search(piece) and count_words(piece) >= MAX_SENTENCE_WORDS:
        return start + _cut_unspaced(piece)
    # Not counted by spaces: words also stand apart by line ends, or by any other white space.
    if end - start <= MAX_SENTENCE and len(piece.split()) <= MAX_SENTENCE_WORDS:
        return end
    spaces = [match.start() for match in re.finditer(r"(?<=\S)\s", piece)]
    if len(spaces) >= MAX_SENTENCE_WORDS:
        return start + spaces[MAX_SENTENCE_WORDS - 1]
    if start + len(piece) == end or not spaces:
        return start + len(piece)
    return start + spaces[-1]


def _cut_unspaced(piece: str) -> int:
    """Where to cut a piece of more than `MAX_SENTENCE_WORDS`: after the last pause before that
    many words, or else there, but not between a letter and its combining marks.
    """
    least, most = 1, len(piece)
    while least < most:  # the count grows with the text
        middle = (least + most + 1) // 2
        if count_words(piece[:middle]) <= MAX_SENTENCE_WORDS:
            least = middle
        else:
            most = middle - 1
    pauses = [match.end() for match in _PAUSE.finditer(piece, 1, least)]
    if pauses:
        return pauses[-1]
    cut = least
    while cut > 1 and unicodedata.category(piece[cut : cut + 1] or " ")[0] == "M":
        cut -= 1
    return cut if cut > 1 else least


def is_heading(line: str) -> bool:
    """Whether a line is short and does not end like a sentence."""
    return count_words(line) <= MAX_HEADING_WORDS and line[-1].isalnum()


def sentences_of(passage: Passage) -> list[Span]:
    """The sentences of a passage, as offsets into its article."""
    at = passage.start
    return [(at + start, at + end) for start, end in split_sentences(passage.text)]
