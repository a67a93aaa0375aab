"""Words as lexical search sees them: lower case, without accents, stemmed, stop words known.

The stems must equal those of SQLite's ``porter unicode61 remove_diacritics 2`` tokenizer, because
the store looks a stem's document frequency up in the full-text index (a test holds them together).
"""

import re
import threading
import unicodedata
from functools import lru_cache

import snowballstemmer

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
"""Words that say nothing about the topic of a question; "say" and "said" included, because nearly
every sentence of the news has one."""

_threads = threading.local()
"""A stemmer for each thread: it keeps the word it is at in itself."""


@lru_cache(maxsize=200_000)
def stem(word: str) -> str:
    """The Porter stem of one lower-case word (Porter 1980, as in SQLite FTS5)."""
    # FTS5 leaves words outside this range of lengths alone (fts5_tokenize.c, fts5PorterCb).
    if not 3 <= len(word.encode()) <= 64 or not word.isascii():
        return word
    if not hasattr(_threads, "stemmer"):
        _threads.stemmer = snowballstemmer.stemmer("porter")
    return str(_threads.stemmer.stemWord(word))


def fold(text: str) -> str:
    """Lower case without accents."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFD", text.lower())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def words(text: str) -> list[str]:
    """All words, folded, in order."""
    return WORD.findall(fold(text))


def content_words(text: str) -> list[str]:
    """The distinct words that are not stop words, folded, in order of appearance."""
    return list(dict.fromkeys(word for word in words(text) if word not in STOP_WORDS))


def stems(text: str) -> list[str]:
    """The distinct stems of the content words, in order of appearance."""
    return list(dict.fromkeys(stem(word) for word in content_words(text)))
