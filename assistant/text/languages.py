"""The languages of texts: which one a text is in, its codes, its stems and its stop words.

The only door to py3langid; with `terms`, which knows how words are found, all that the lexical
search knows of languages.
"""

import re
import threading
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import snowballstemmer

STEMMERS = {
    "ar": "arabic", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german", "el": "greek",
    "eo": "esperanto", "es": "spanish", "et": "estonian", "eu": "basque", "fa": "persian",
    "fi": "finnish", "fr": "french", "ga": "irish", "hi": "hindi", "hu": "hungarian",
    "hy": "armenian", "id": "indonesian", "it": "italian", "lt": "lithuanian", "nb": "norwegian",
    "ne": "nepali", "nl": "dutch", "nn": "norwegian", "no": "norwegian", "pl": "polish",
    "pt": "portuguese", "ro": "romanian", "ru": "russian", "sr": "serbian", "st": "sesotho",
    "sv": "swedish", "ta": "tamil", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip
"""The languages that Snowball stems beside English, and what it calls them (snowballstem.org)."""

LATIN = frozenset(STEMMERS) - frozenset("ar el fa hi hy ne ru ta yi".split())
"""Those of them that are written in Latin letters; Serbian is in Cyrillic ones, too."""

MIN_PROBABILITY = 0.8
"""Of a language, on average over the pieces of a text, below which it is not named."""

SURE = 0.95
"""From which the first, the middle and the last piece decide alone: of 1,850 news articles each has
the same language as by all pieces, in a third of the time."""

PIECE, PIECES, SHORTEST = 500, 8, 250
"""Characters of a piece, most pieces that are looked at, spread evenly over the text, and least
characters from one to the next: of two languages in a text neither reaches `MIN_PROBABILITY`.
English news, 600 articles: none is taken for another language, from 80 characters on 6 % and from
160 on 1 % for none; of 100 with a second half in German all are taken for none."""

NO_LANGUAGE = "zxx"
"""What py3langid calls figures and code."""

_MONTHS_OF = """de fr es pt it nl sv da nb fi pl cs sk hu ro bg ru uk sr hr sl lt lv et el tr ca hy
    ka az kk id ms vi he ar fa""".split()
"""Languages whose names of months are read in dates."""

_BREAK = re.compile(r"[-_]")
_threads = threading.local()
"""The stemmers of each thread: one keeps the word it is at in itself."""
_loading = threading.Lock()


def stem(algorithm: str, word: str) -> str:
    """The stem of one lower-case word; the word itself where Snowball lacks the algorithm."""
    stemmers: dict[str, Any] = _threads.__dict__.setdefault("stemmers", {})
    if algorithm not in stemmers:
        known = algorithm in snowballstemmer.algorithms()
        stemmers[algorithm] = snowballstemmer.stemmer(algorithm) if known else None
    stemmer = stemmers[algorithm]
    return word if stemmer is None else str(stemmer.stemWord(word))


@lru_cache(maxsize=64)
def stop_words(code: str) -> frozenset[str]:
    """The words of a language that say nothing about a topic; none where no list is at hand.

    The lists are those of NLTK, mostly Snowball's, of which llama-index brings a copy. It is read
    as a file, for importing either takes a second; a test notices when it moves.
    """
    found = find_spec("llama_index.core")
    if found is None or found.origin is None or code not in STEMMERS:
        return frozenset()
    lists = Path(found.origin).parent / "_static" / "nltk_cache" / "corpora" / "stopwords"
    try:
        return frozenset((lists / STEMMERS[code]).read_text(encoding="utf-8").split())
    except (OSError, UnicodeDecodeError):
        return frozenset()


@lru_cache(maxsize=1024)
def code_of(value: str) -> str | None:
    """The two-letter code that a page or a person means: "en-US", "eng", "English" are "en".

    None for what is no language, and for one that has no such code (ISO 639-1, as in CLDR).
    """
    from babel import Locale
    from babel.core import get_global

    said = value.strip().lower()
    first = _BREAK.split(said)[0]
    code = str(get_global("language_aliases").get(first, first))
    names = Locale("en").languages
    if code not in names:
        code = next((known for known, name in names.items() if name.lower() == said), "")
    return code if len(code) == 2 else None


@lru_cache(maxsize=1)
def foreign_months() -> dict[str, int]:
    """Names of months in other languages, without those that mean two (Polish and Croatian)."""
    from babel.dates import get_month_names  # a quarter of a second for all of them

    meanings: dict[str, set[int]] = {}
    for language in _MONTHS_OF:
        for context in ("format", "stand-alone"):
            for width in ("wide", "abbreviated"):
                for number, name in get_month_names(width, context, language).items():
                    meanings.setdefault(name.rstrip(".").casefold(), set()).add(number)
    return {name: numbers.pop() for name, numbers in meanings.items() if len(numbers) == 1}


def language_of(text: str) -> str | None:
    """The two-letter code of the language that a text is in; None where that is not certain, as
    for a few words, for figures and for a text in two languages.
    """
    step = max(SHORTEST, len(text) // PIECES)
    whole = range(0, max(len(text) - SHORTEST // 2, 1), step)  # a short rest says little
    pieces = [text[at : at + min(step, PIECE)] for at in whole][:PIECES]
    if len(pieces) > 3:
        best, share = _most_likely([pieces[0], pieces[len(pieces) // 2], pieces[-1]])
        if best != NO_LANGUAGE and share >= SURE:
            return best
    best, share = _most_likely(pieces)
    certain = best != NO_LANGUAGE and share >= MIN_PROBABILITY
    return best if certain else None


def _most_likely(pieces: Sequence[str]) -> tuple[str, float]:
    """The language of most pieces, by their probabilities, and its share."""
    shares: Counter[str] = Counter()
    for piece in pieces:
        for code, probability in _identifier().rank(piece)[:3]:
            shares[code] += probability / len(pieces)
    best = max(shares, key=shares.__getitem__, default=NO_LANGUAGE)
    return best, shares[best]


def _identifier() -> Any:
    with _loading:  # takes a second
        return _loaded()


@lru_cache(maxsize=1)
def _loaded() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    # Dialects that only have longer codes take half of the probability of Chinese and Arabic.
    named = [code for code in identifier.labels if len(code) == 2 or code == NO_LANGUAGE]
    identifier.set_languages(named)
    return identifier
