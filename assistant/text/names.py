"""The proper names of a sentence, and whether a source contains them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import dropwhile

from assistant.text.abbreviations import UNIVERSAL
from assistant.text.dates import MONTHS, WEEKDAYS
from assistant.text.tokens import STOP_WORDS, fold, stem, words

_TOKEN = re.compile(r"[^\W_]+(?:[’'&.-][^\W_]+)*")
_POSSESSIVE = re.compile(r"[’'](?:s|S)?$")
_PARTS = re.compile(r"[^\W_]+")
_LINKS = re.compile(r" | (?:of|for|and|the|on|in) (?:the )?")
"""Text that may separate the words of one name: "Treaty on Collective Security"."""

_SPACE = re.compile(" ")
_IN_PHRASES = re.compile(r" (?:of |of the |and the |for |on the )?")
_SHORT_NUMBER = re.compile(r"\d{1,4}(?!\w)")
_FIGURE = re.compile(r"[\d.,]+")
_AFTER_LOWER_CASE = re.compile(r"(?<=[a-z] )\d")
QUESTION_WORDS = frozenset(
    "what who whom whose which when where why how since until much many long often far did does do "
    "is are was were has have had can could will would should".split()
)
"""Words that begin questions and are capitalised only for that reason."""

_NO_NAMES = (
    STOP_WORDS
    | {name.lower() for name in (*MONTHS, *WEEKDAYS)}
    | set("jan feb mar apr jun jul aug sep sept oct nov dec".split())
    | {"mr", "mrs", "ms", "dr", "sir", "also", "according", "however", "yes", "although"}
)
_BEGINNING = frozenset(':“"‘«([•.!?…\n\u2029')
"""Characters after which a word is capitalised because a sentence begins."""

_TITLE_CASE = 0.8
"""Share of capitalised words above which a sentence of at least five words is a title, in which
capitals name nothing."""

_PEOPLES = dict(
    pair.split(":")
    for pair in """abkhaz:abkhazia afghan:afghanistan american:america argentine:argentina
    british:britain croat:croatia czech:czechia danish:denmark dutch:netherlands french:france
    german:germany greek:greece irish:ireland kazakh:kazakhstan kyrgyz:kyrgyzstan norwegian:norway
    polish:poland scottish:scotland serb:serbia spanish:spain swiss:switzerland tajik:tajikistan
    turk:turkey turkmen:turkmenistan uzbek:uzbekistan welsh:wales""".split()
)
"""Peoples whose names do not end as `_OF_PEOPLE` says, and their countries."""

_ALIKE = (
    ("united states", "us", "usa", "america", "american"),
    ("united kingdom", "uk", "britain", "british"),
)
"""Names of one country: a source that contains one contains all."""

_OF_PEOPLE = ("n", "an", "ian", "ean", "i", "ese", "ish")
_OF_PLACES = ("", "a", "ia", "y", "ey", "e", "o")
_SHORTEST_ROOT = 4


@dataclass(frozen=True)
class Name:
    """Consecutive capitalised words."""

    words: tuple[str, ...]
    """Folded, without the possessive; "Jean-Claude" is two words."""
    written: tuple[str, ...]
    """Each word as it is written."""
    begins: bool
    """Whether the first word begins the sentence, where any word is capitalised."""


def names_of(sentence: str) -> list[Name]:
    """The proper names in order, without months, weekdays and other words that name nothing."""
    found = [name for name in _capitals(sentence) if name.words]
    capitals, all_words = sum(len(name.words) for name in found), len(words(sentence))
    return [] if all_words >= 5 and capitals > _TITLE_CASE * all_words else found


def _capitals(sentence: str) -> Iterator[Name]:
    """The runs of capitalised words; a run that names nothing gives a `Name` without words."""
    for tokens in _runs(sentence, _SPACE):
        kept = [(fold(part), part) for token in tokens for part in _parts(token.group())]
        begins = _begins(sentence[: tokens[0].start()])
        yield Name(tuple(word for word, _ in kept), tuple(part for _, part in kept), begins)


def _runs(
    text: str, between: re.Pattern[str], *, numbers: bool = False
) -> Iterator[list[re.Match[str]]]:
    """The longest runs of capitalised words.

    Args:
        between: text that may separate two words of a run.
        numbers: "Article 4" and "10 October 2009" are runs, too.
    """
    run: list[re.Match[str]] = []
    for match in _TOKEN.finditer(text):
        joined = bool(run) and between.fullmatch(text, run[-1].end(), match.start()) is not None
        if not match.group()[0].isdigit():
            belongs = any(character.isupper() for character in match.group())
        elif joined:
            belongs = numbers and _SHORT_NUMBER.match(text, match.start()) is not None
        else:
            belongs = numbers and _AFTER_LOWER_CASE.match(text, match.start()) is not None
        if belongs and not joined and run:
            yield run
            run = []
        if belongs:
            run.append(match)
    if run:
        yield run


def name_phrases(text: str) -> list[str]:
    """The distinct names as they are written, with small words and numbers in them, in order:
    "Treaty on the Eurasian Economic Union", "Article 4", "10 October 2009".
    """
    found: dict[str, None] = {}
    small = STOP_WORDS | QUESTION_WORDS
    for run in _runs(text, _IN_PHRASES, numbers=True):
        tokens = list(dropwhile(lambda token: token.group().lower() in small, run))
        name = text[tokens[0].start() : tokens[-1].end()] if tokens else ""
        name = _POSSESSIVE.sub("", name)
        if name and not _FIGURE.fullmatch(name):
            found.setdefault(name)
    return list(found)


def _parts(token: str) -> list[str]:
    """The words of a token that name something: "Russia" of "Russia-led", "US" of "U.S."."""
    token = _POSSESSIVE.sub("", token)
    if re.fullmatch(r"(?:[^\W\d_]\.)+[^\W\d_]", token):
        token = token.replace(".", "")
    return [
        part
        for part in _PARTS.findall(token)
        if any(c.isupper() for c in part) and len(part) > 1 and fold(part) not in _NO_NAMES
    ]


def _begins(before: str) -> bool:
    before = before[-6:].rstrip(" ")
    return not before or before[-1] in _BEGINNING


_ENDINGS = tuple(
    "s ing ed ly tion sion ment ness ity ship ism ance ence al ive ous ful less ward".split()
)
_ORDINARY = frozenset(
    """across almost along alongside also amid among another anyone apart around aside away back
    besides beyond despite due either else enough even ever every everyone following
    furthermore given hence here inside instead last later least less like little many maybe
    meanwhile moreover much near neither nevertheless nobody none nothing often onto otherwise
    outside overall perhaps quite rather several since someone something soon still then
    therefore though throughout thus together tomorrow toward unlike unless upon via whereas
    whether whoever within without yet""".split()
)


def ordinary(word: str) -> bool:
    """Whether the first word of a sentence is probably not a name: a particle, or a word with the
    ending of a common noun, a verb or an adverb.
    """
    return word in _ORDINARY or word.endswith(_ENDINGS)


@dataclass(frozen=True)
class Vocabulary:
    """The words of a source, and how they form its names."""

    words: frozenset[str]
    stems: frozenset[str]
    people: frozenset[str]
    """Its capitalised words without endings of peoples: "armen" of "Armenian"."""
    places: frozenset[str]
    """Its capitalised words without endings of places: "armen" of "Armenia"."""
    initials: frozenset[str]
    """"csto" of "Collective Security Treaty Organization"."""
    followed: Mapping[str, frozenset[str]]
    """The next three words after each word of a name; an empty string for the end of a name."""
    capitals: frozenset[str]
    """Words that are capitalised other than at the beginning of a sentence."""

    def has(self, word: str) -> bool:
        """Whether the source contains a folded word of a name, or an equivalent form of it."""
        plural = word.removesuffix("s")
        return (
            word in self.words
            or stem(word) in self.stems
            or word in self.initials
            or _PEOPLES.get(plural, word) in self.words
            or any(_PEOPLES.get(w) == word for w in self.words & _PEOPLES.keys())
            or bool(_roots(plural, _OF_PEOPLE) & (self.places | self.people))
            or bool(_roots(word, _OF_PLACES) & self.people)
        )

    def joins(self, first: str, second: str) -> bool:
        """Whether two words may belong to one name of the source.

        False where the first is always followed by other words, and the second follows another such
        word: "Nikol Galuzin" where the source has "Nikol Pashinyan" and "Mikhail Galuzin".
        """
        after = self.followed.get(first, frozenset())
        if not after or "" in after or second in after or second not in self.followed:
            return True
        owners = [word for word, following in self.followed.items() if second in following]
        return not any("" not in self.followed[owner] for owner in owners)


def vocabulary(texts: Iterable[str], abbreviations: Mapping[str, str]) -> Vocabulary:
    """The vocabulary of a passage with its title, outlet and date.

    Args:
        abbreviations: short to long form; texts that contain one contain the other.
    """
    texts = list(texts)
    whole = " ".join(re.sub(r"\b([A-Z])\.(?=[A-Z]\b)", r"\1", text) for text in texts)
    said = words(whole)
    flat = f" {' '.join(said)} "
    known = set(said)
    written = set(_PARTS.findall(whole))  # "who" is not the World Health Organization
    for short, long in {**UNIVERSAL, **abbreviations}.items():
        if f" {' '.join(words(long))} " in flat or short in written:
            known |= {fold(short), *words(long)}
            flat += f"{' '.join(words(long))} "
    for alike in _ALIKE:
        if any(f" {name} " in flat for name in alike if name != "us"):  # "US" is spelled out above
            known.update(word for name in alike for word in name.split())
    names = [name for text in texts for name in _capitals(text) if name.words]
    capitals = {word for name in names for word in name.words}
    return Vocabulary(
        frozenset(known),
        frozenset(map(stem, known)),
        frozenset(root for word in capitals for root in _roots(word.removesuffix("s"), _OF_PEOPLE)),
        frozenset(root for word in capitals for root in _roots(word, _OF_PLACES)),
        frozenset(initials for text in texts for initials in _initials(text)),
        _followed(names),
        frozenset(word for name in names for word in name.words[1 if name.begins else 0 :]),
    )


def _roots(word: str, endings: tuple[str, ...]) -> set[str]:
    return {
        word[: len(word) - len(ending)]
        for ending in endings
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_ROOT
    }


def _followed(names: Iterable[Name]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for name in names:
        for at, word in enumerate(name.words):
            found.setdefault(word, set()).update(name.words[at + 1 : at + 4] or [""])
    return {word: frozenset(following) for word, following in found.items()}


def _initials(text: str) -> Iterator[str]:
    """The initials of each run of capitalised words and of its ends, at least two letters."""
    run: list[str] = []
    end = -1
    for match in _TOKEN.finditer(text):
        if not match.group()[0].isupper():
            continue
        if not _LINKS.fullmatch(text, end, match.start()):
            run = []
        run = [*run[-7:], fold(match.group()[0])]
        end = match.end()
        yield from ("".join(run[at:]) for at in range(len(run) - 1))
