"""The words of a text, and the terms under which lexical search indexes them.

SQLite's ``porter unicode61 remove_diacritics 2`` tokenizer reads English. `stem` must equal it,
because the store looks up the document frequencies of stems in the full-text index (a test compares
them). Other languages are analysed here, and the tokenizer gets terms in a form that it does not
change:

- words of a language in Latin letters become Snowball's stems with the language's `ending`, so that
  Porter's rules do not change them and the English "die" differs from the German one;
- words in other letters become Snowball's stems, or remain unchanged if it has no stemmer;
- scripts without spaces between words become overlapping pairs of characters.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby, pairwise
from math import ceil

from assistant.text.languages import LATIN, STEMMERS, stop_words
from assistant.text.languages import stem as snowball

WORD = re.compile(r"[^\W_]+")

STOP_WORDS = frozenset(
    """a about above after again against all also am an and any are as at be because been before
    being below between both but by can could did do does doing done down during each few for from
    further get had has have having he her here hers him his how i if in into is it its itself just
    let me more most my no nor not now of off on once only or other our ours out over own please
    s same say said says she should so some such t tell than that the their theirs them then there
    these they this those through to too under until up us very was we were what when where which
    while who whom whose why will with would you your yours""".split()
)
"""Words that say nothing about the topic of a question, including "say" and "said", one of which is
in nearly every sentence of the news."""

FOREIGN = "\u02d0"
"""Ends non-English terms with Latin letters: SQLite's tokenizer takes it for a letter, Porter's
rules do not."""

UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\u1b00-\u1b7f"
    "\u2e80-\ua4cf\ua960-\ua97f\ua980-\ua9ff\uaa60-\uaa7f\uac00-\ud7ff\uf900-\ufaff"
    "\uff66-\uffdc\U0001b000-\U0001b2ff\U00020000-\U0003ffff]"
)
"""A character of a script without spaces between words: Chinese, Japanese, Thai, Lao, Burmese,
Khmer, Javanese, Balinese; and of Korean, whose words end in particles that Snowball lacks."""

_SOUTHERN = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u1b7f\ua980-\uaa7f]")
"""Those whose words take several characters."""

_OTHER = (
    "\u0370-\u1cff\u1f00-\u1fff\u2c00-\u2c5f\u2c80-\u2dff\u2e80-\ua71f\ua800-\uab2f\uab70-\ud7ff"
    "\uf900-\ufaff\ufb13-\ufdff\ufe70-\ufefe\uff10-\uffdc\U00010000-\U0001cfff"
    "\U0001e000-\U0001efff\U00020000-\U0003ffff"
)
"""The Unicode blocks of letters other than Latin; they include full-width Latin ones."""

_OTHER_RUN = re.compile(f"[{_OTHER}][{_OTHER}\u0300-\u036f\u200c\u200d]*")
_ANY_RUN = re.compile(rf"{_OTHER_RUN.pattern}|(?:(?![{_OTHER}])[^\W_][\u0300-\u036f]*)+")
_ASIDE = re.compile("[\u0640\u200c\u200d\ufe00-\ufe0f\U000e0100-\U000e01ef]")
"""Characters that only shape letters: tatweel, joiners, variation selectors."""

_ONCE_MARKS = re.compile("[\u19b0-\u19c0\u19c8\u19c9\u1cf2\u1cf3]")
"""Letters that are marks in the table of SQLite 3.40; all others of Unicode 14 agree."""

_WITHOUT_MARKS = re.compile("[\u0300-\u08ff\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+")
"""Marks of scripts that are read without them: Latin, Greek, Cyrillic, Hebrew, Arabic."""


@lru_cache(maxsize=200_000)
def stem(word: str) -> str:
    """The Porter stem of one lower-case word (Porter 1980, as in SQLite FTS5)."""
    # FTS5 does not stem words outside this range of lengths (fts5_tokenize.c, fts5PorterCb).
    if not 3 <= len(word.encode()) <= 64 or not word.isascii():
        return word
    return snowball("porter", word)


def fold(text: str) -> str:
    """Lower case without accents."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFD", text.lower())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def words(text: str) -> list[str]:
    """All words, folded, in order."""
    return WORD.findall(fold(text))


def count_words(text: str) -> int:
    """How many words a text has. In scripts without spaces, 1.5 characters of Chinese, Japanese and
    Korean count as a word, and 3 of the others.

    This many characters take about as many tokens of an embedding model as an English word (1.3).
    """
    if text.isascii() or (unspaced := len(UNSPACED.findall(text))) == 0:
        return len(text.split())
    southern = len(_SOUTHERN.findall(text))
    spaced = sum(1 for word in text.split() if UNSPACED.search(word) is None)
    return spaced + ceil((unspaced - southern) * 2 / 3 + southern / 3)


def content_words(text: str) -> list[str]:
    """The distinct words that are not stop words, folded, in order of appearance."""
    return list(dict.fromkeys(word for word in words(text) if word not in STOP_WORDS))


def stems(text: str) -> list[str]:
    """The distinct stems of the content words, in order of appearance."""
    return list(dict.fromkeys(stem(word) for word in content_words(text)))


def ending(language: str) -> str:
    """The ending of a language's terms in Latin letters; empty for English, and for a language
    without a stemmer or with other letters.
    """
    code = "no" if language in ("nb", "nn") else language
    return f"{FOREIGN}{code}{FOREIGN}" if language in LATIN else ""


def analysed(text: str, language: str | None) -> str | None:
    """The terms of a text in this language, as input for the full-text index.

    None if the index is to read the text itself: in English, and in a language with Latin letters
    that has no stemmer.
    """
    latin = language in LATIN
    if not latin and _OTHER_RUN.search(text) is None:
        return None
    runs = _ANY_RUN if latin else _OTHER_RUN
    return runs.sub(lambda run: f" {' '.join(_terms(run.group(), language))} ", _composed(text))


def foreign_terms(text: str, language: str | None) -> dict[str, str]:
    """The distinct terms that `analysed` makes of the words of a question, each with its word.

    Stop words of this language and of English are left out: an English "war" should not match every
    German one, a stop word.
    """
    left_out = STOP_WORDS | stop_words(language or "")
    runs = _ANY_RUN if language in LATIN else _OTHER_RUN
    return {
        term: word
        for run in runs.finditer(_composed(text))
        for word in _words(run.group())
        if word not in left_out
        for term in _terms_of(word, language)
    }


def _composed(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _terms(run: str, language: str | None) -> list[str]:
    return [term for word in _words(run) for term in _terms_of(word, language)]


def _words(run: str) -> Iterator[str]:
    """The words of a run of characters: letters and figures with their combining marks."""
    if run.isascii():
        yield run.lower()
        return
    plain = unicodedata.normalize("NFKC", _ASIDE.sub("", run)).lower()
    for inside, characters in groupby(plain, _in_word):
        if inside:
            yield "".join(characters)


@lru_cache(maxsize=20_000)
def _in_word(character: str) -> bool:
    return unicodedata.category(character)[0] in "LMN"


def _terms_of(word: str, language: str | None) -> tuple[str, ...]:
    """The terms of one lower-case word; several if it contains a script without spaces."""
    spaced = [part for part in UNSPACED.split(word) if part]
    if spaced == [word]:
        return tuple(filter(None, [_term(word, language)]))
    terms = []
    for unspaced, characters in groupby(_clusters(word), lambda one: bool(UNSPACED.match(one))):
        parts = list(characters)
        if not unspaced:
            terms.append(_term("".join(parts), language))
        else:
            pairs = ["".join(pair) for pair in pairwise(parts)] or parts
            terms += [_index_form(pair) for pair in pairs]
    return tuple(filter(None, terms))


def _clusters(word: str) -> list[str]:
    """Each letter with its combining marks."""
    found: list[str] = []
    for character in word:
        if found and unicodedata.category(character)[0] == "M":
            found[-1] += character
        else:
            found.append(character)
    return found


@lru_cache(maxsize=100_000)
def _term(word: str, language: str | None) -> str:
    """The term of a word in a script with spaces."""
    other = _OTHER_RUN.search(word) is not None
    if language in STEMMERS and (other or language in LATIN):
        word = snowball(STEMMERS[language], word)
    form = _index_form(word)
    if form and language is not None and _OTHER_RUN.search(form) is None:
        return form + ending(language)
    # Porter's rules would change a word like "µing", which has letters of two scripts.
    return form + FOREIGN if form[-1:].isascii() and not form.isascii() else form


@lru_cache(maxsize=100_000)
def _index_form(term: str) -> str:
    """A term that SQLite's tokenizer does not change: one token, without accents and vowel points.

    The tokenizer would split words at marks that are vowels, as in Hindi and Thai. They become
    private-use characters, which it takes for letters.
    """
    decomposed = unicodedata.normalize("NFKD", term.casefold())
    kept = _WITHOUT_MARKS.sub(lambda run: "".join(filter(_bare, run.group())), decomposed)
    return "".join(map(_letter, unicodedata.normalize("NFC", kept)))


def _bare(character: str) -> bool:
    return unicodedata.category(character)[0] != "M"


@lru_cache(maxsize=20_000)
def _letter(character: str) -> str:
    if unicodedata.decimal(character, None) is not None:
        return str(unicodedata.decimal(character))
    mark = unicodedata.category(character)[0] == "M" or _ONCE_MARKS.match(character)
    return chr(0xF0000 + (ord(character) & 0xFFFF)) if mark else character
