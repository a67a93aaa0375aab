"""Languages: identification, codes, stems, stop words and names of months.

The adapter of py3langid, Snowball and Babel.
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

STEMMERS = dict(
    pair.split(":")
    for pair in """ar:arabic ca:catalan cs:czech da:danish de:german el:greek eo:esperanto
    es:spanish et:estonian eu:basque fa:persian fi:finnish fr:french ga:irish hi:hindi hu:hungarian
    hy:armenian id:indonesian it:italian lt:lithuanian nb:norwegian ne:nepali nl:dutch nn:norwegian
    no:norwegian pl:polish pt:portuguese ro:romanian ru:russian sr:serbian st:sesotho sv:swedish
    ta:tamil tr:turkish yi:yiddish""".split()
)
"""Languages besides English that Snowball stems, with its names for them (snowballstem.org)."""

LATIN = frozenset(STEMMERS) - frozenset("ar el fa hi hy ne ru ta yi".split())
"""Those that are written in Latin letters; Serbian is also written in Cyrillic ones."""

MIN_PROBABILITY = 0.8
"""Least average probability of a language over the pieces of a text at which it is reported."""

SURE = 0.95
"""Probability at which the first, middle and last piece decide alone: in a third of the time, each
of 1,850 news articles gets the same language as from all pieces."""

PIECE, PIECES, SHORTEST = 500, 8, 250
"""Characters of a piece, most pieces, and least characters from one to the next. They are spread
evenly over the text, so that neither of two languages in it reaches `MIN_PROBABILITY`. Of 600
English news articles none is taken for another language. No language is reported for 6 % of them
cut at 80 characters, for 1 % at 160, and for all 100 whose second half is in German."""

NO_LANGUAGE = "zxx"
"""py3langid's code for figures and program code."""

_MONTHS_OF = """de fr es pt it nl sv da nb fi pl cs sk hu ro bg ru uk sr hr sl lt lv et el tr ca hy
    ka az kk id ms vi he ar fa""".split()
"""Languages whose names of months are recognised in dates."""

_BREAK = re.compile(r"[-_]")
_threads = threading.local()
"""The stemmers of each thread; a stemmer has its current word as state."""
_loading = threading.Lock()


def stem(algorithm: str, word: str) -> str:
    """The stem of one lower-case word, or the word if Snowball lacks the algorithm."""
    stemmers: dict[str, Any] = _threads.__dict__.setdefault("stemmers", {})
    if algorithm not in stemmers:
        known = algorithm in snowballstemmer.algorithms()
        stemmers[algorithm] = snowballstemmer.stemmer(algorithm) if known else None
    stemmer = stemmers[algorithm]
    return word if stemmer is None else str(stemmer.stemWord(word))


@lru_cache(maxsize=64)
def stop_words(code: str) -> frozenset[str]:
    """The words of a language that say nothing about a topic; empty if there is no list.

    The lists are NLTK's, most of them from Snowball, and shipped with llama-index. They are read as
    files, because importing either library takes a second; a test notices when they move.
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
    """The two-letter code of a language: "en" for "en-US", "eng" and "English".

    None for an unknown language, and for one without such a code (ISO 639-1, as in CLDR).
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
    """Names of months in other languages, without ambiguous ones (in Polish and Croatian)."""
    from babel.dates import get_month_names  # a quarter of a second for all of them

    meanings: dict[str, set[int]] = {}
    for language in _MONTHS_OF:
        for context in ("format", "stand-alone"):
            for width in ("wide", "abbreviated"):
                for number, name in get_month_names(width, context, language).items():
                    meanings.setdefault(name.rstrip(".").casefold(), set()).add(number)
    return {name: numbers.pop() for name, numbers in meanings.items() if len(numbers) == 1}


def language_of(text: str) -> str | None:
    """The two-letter code of a text's language.

    None if it is uncertain, as for a few words, for figures and for a text in two languages.
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
    """The language with the highest average probability over the pieces, and that probability."""
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
    # Dialects, which have longer codes, would take half of the probability of Chinese and Arabic.
    named = [code for code in identifier.labels if len(code) == 2 or code == NO_LANGUAGE]
    identifier.set_languages(named)
    return identifier
