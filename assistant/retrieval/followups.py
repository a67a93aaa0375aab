"""A follow-up to a question that stands alone: rewritten by a language model, or by rules.

A follow-up needs its context: "and in May?", "what did he say?". The rules only propose candidate
rewrites, the question as typed first; how well the articles answer each decides which one is meant.
So a change of topic is not dragged back, and a rule may be wrong.
"""

import re
from collections.abc import Iterator, Sequence

from assistant.errors import ModelError
from assistant.models.llm.base import Completion, LanguageModel
from assistant.models.llm.prompts import standalone
from assistant.schema import Turn
from assistant.text.dates import MONTHS
from assistant.text.names import QUESTION_WORDS, name_phrases
from assistant.text.tokens import STOP_WORDS, content_words, stem, words

REMEMBERED = 10
"""Last turns that a follow-up may refer to."""

SAID, OLDER, FURTHER = 0.3, 0.9, 0.8
"""Weights of a name: in an answer against in a question, in a turn against in the next turn, and
against the name before it in its text. Of a few values those whose rewrites are nearest to what
people write, by `python -m eval followups` (eval/LOG.md, 2026-11-25)."""

CANDIDATES = 6
"""Most candidate rewrites of a follow-up that are searched for."""

BARE = 0.05
LOOSE = -0.1
"""Added to the confidence of the question as typed, which is meant if it is answered about as well,
and of a rewrite that only appends words of the conversation, which reads worse than the others."""

# ---- whether a question needs its context -------------------------------------------------------

_PEOPLE = re.compile(r"\b(he|she|him|her|his|hers|they|them|their|theirs)\b", re.IGNORECASE)
_THAT = "|".join(
    rf"(?<={before} )that" for before in "about after before to of than by for do is was".split()
)
_THINGS = re.compile(
    rf"\b(it|its|they|them|their|theirs|there|this|these|those|{_THAT}|the (?:former|latter|same)"
    r"|(?:that|the) (?:one|other)s?)\b",
    re.IGNORECASE,
)
_NO_REFERENCE = re.compile(
    # "there" that only says that something exists, "it" of the weather, "that" between two clauses
    r"\b(?:are|is|was|were|been|be) there\b|\bthere (?:are|is|was|were|be|been)\b"
    r"|\bit (?:true|possible|likely|clear)\b|\b(?:is|was) it that\b"
    r"|\b(?:say|says|said|claim|claims|claimed|think|thinks|believe|believes|mean|means) that\b",
    re.IGNORECASE,
)
_OPENING = re.compile(
    r"^\W*(?:(?:and|but|or|so|also|then|ok|okay|well)\b[\s,]*)*"
    r"(?:(?:what|how) about\b|what of\b)?[\s,]*",
    re.IGNORECASE,
)
_WORD = re.compile(r"[\w’'-]+")


def needs_context(question: str) -> bool:
    """Whether a question may not be understood without those before it."""
    plain = _NO_REFERENCE.sub(" ", question)
    opened = _OPENING.match(question)
    return bool(
        _PEOPLE.search(plain)
        or _THINGS.search(plain)
        or (opened and opened.group().strip())
        or (len(content_words(question)) <= 2 and not name_phrases(question))
        or _definite(question)
    )


def _definite(question: str) -> list[str]:
    """Nouns of phrases such as "the mission" or "those countries", which earlier turns identify."""
    found = re.findall(
        r"\b(?:the|this|that|these|those) ([a-z][a-z-]+)\b"
        r"(?!(?: [a-z-]+){0,2} (?:of|in|on|for|between|from|to|at)\b)",
        question,
    )
    return [word for word in found if word not in STOP_WORDS]


# ---- candidate rewrites, by rule ----------------------------------------------------------------

_VERB = re.compile(
    r"ed$|^(?:take|join|start|leave|begin|end|sign|give|get|make|say|tell|want|agree|accept|become|"
    r"come|go|win|lose|hold|send|sell|buy|pay|help|ask|react|respond|withdraw|invade|attack)s?$"
)
"""Words after a name that are rarely the noun it belongs to: "did the EAEU take effect"."""


def _is_date(name: str) -> bool:
    return name[0].isdigit() or name.split(maxsplit=1)[0] in MONTHS


def _things_in(text: str) -> list[str]:
    """What a text names, with the noun that a name belongs to: "the Lachin corridor"."""
    found: dict[str, None] = {}
    for name in name_phrases(text):
        if _is_date(name):
            continue
        noun = re.search(
            rf"\bthe (?:[a-z]+ )?{re.escape(name)} ([a-z][a-z-]+)(?: (?:of|in|between) [A-Z]\w+)?",
            text,
        )
        if noun and noun[1] not in STOP_WORDS | QUESTION_WORDS and not _VERB.search(noun[1]):
            found.setdefault(noun.group())
        article = re.search(rf"\bthe {re.escape(name)}\b", text)
        found.setdefault(f"the {name}" if article else name)
    return list(found)


def candidate_rewrites(question: str, turns: Sequence[Turn]) -> tuple[str, ...]:
    """What a question may mean after these turns, oldest first: the question as typed, and if it
    needs context its rewrites.
    """
    found: dict[str, None] = {question: None}
    if turns and needs_context(question):
        for rewritten in _rewrites(question.strip(), list(turns)[-REMEMBERED:]):
            found.setdefault(" ".join(rewritten.split()))
    return tuple(found)[:CANDIDATES]


def choose(rewrites: Sequence[str], confidences: Sequence[float]) -> int:
    """Which of the `candidate_rewrites` is meant: the one that is answered best.

    Args:
        confidences: probability of each that the articles answer it.
    """
    handicaps = [BARE] + [LOOSE if one.endswith(")?") else 0.0 for one in rewrites[1:]]
    scores = [c + handicap for c, handicap in zip(confidences, handicaps, strict=True)]
    return max(range(len(scores)), key=lambda i: scores[i])


def _rewrites(question: str, turns: list[Turn]) -> Iterator[str]:
    last = turns[-1]
    yield from _in_parallel(question, last.question)
    yield from _replaced(question, turns)
    yield _appended(question, _topic(last))
    if len(turns) > 1:
        yield _appended(question, [*_topic(last), *_topic(turns[-2])])


def _in_parallel(question: str, before: str) -> Iterator[str]:
    """The earlier question with another name: "and Georgia?" after "When did Armenia join?"."""
    opened = _OPENING.match(question)
    rest = question[opened.end() :].strip(" ?.!") if opened else ""
    rest = re.sub(r"^(?:in|for|from|to|with|by|at|on|of)\s+", "", rest)
    if not rest or not opened or not opened.group().strip():
        return
    if len(rest.split()) > 4 or rest.split()[0].lower() in QUESTION_WORDS:
        return
    if len(rest.split()) > 1 and not name_phrases(f"a {rest}"):
        return
    for name in reversed(name_phrases(before)):
        article = re.search(rf"\bthe {re.escape(name)}\b", before)
        # "join the Kyrgyzstan" is no rewrite of "and Kyrgyzstan?" after "join the EAEU".
        if name.lower() in rest.lower() or bool(article) != rest.startswith("the "):
            continue
        if _is_date(name) == _is_date(rest):
            yield before.replace(f"the {name}" if article else name, rest)


def _before_a_noun(pronoun: str, rest: str) -> bool:
    """Whether a name cannot replace it: "the one with Iran", "this article"."""
    if pronoun.endswith(("one", "ones", "others")):
        return True
    following = re.match(r"\s+([a-z][a-z-]*)", rest)
    shows = pronoun in {"this", "that", "these", "those"}
    return bool(shows and following and following[1] not in STOP_WORDS)


def _replaced(question: str, turns: Sequence[Turn]) -> Iterator[str]:
    """The question with its first pronoun replaced by a name of the conversation."""
    plain = _NO_REFERENCE.sub(lambda match: "_" * len(match.group()), question)
    pronoun = _PEOPLE.search(plain) or _THINGS.search(plain)
    if pronoun is None or _before_a_noun(pronoun.group().lower(), question[pronoun.end() :]):
        return
    low, high = pronoun.span()
    said = {stem(word) for word in words(question)}
    own = pronoun.group().lower() in {"his", "her", "hers", "their", "its"}
    before = "in " if pronoun.group().lower() == "there" else ""
    people = _PEOPLE.fullmatch(pronoun.group()) is not None
    fresh = [n for n in _salient(turns, people=people) if not {stem(w) for w in words(n)} <= said]
    for name in fresh[:3]:
        yield question[:low] + before + name + ("’s" if own else "") + question[high:]


def _salient(turns: Sequence[Turn], *, people: bool) -> list[str]:
    """What the turns name, the most mentioned first; later turns count more.

    Args:
        people: names of two words before others, as people have them.
    """
    weights: dict[str, float] = {}
    for age, turn in enumerate(reversed(turns)):
        for text, weight in ((turn.question, 1.0), (turn.answer, SAID)):
            for place, name in enumerate(_things_in(text)):
                weights[name] = weights.get(name, 0.0) + weight * OLDER**age * FURTHER**place
    if people:
        for name in weights:
            weights[name] *= 2.0 if len(name.split()) > 1 and not name.startswith("the ") else 1.0
    return sorted(weights, key=lambda name: -weights[name])


def _topic(turn: Turn) -> list[str]:
    """What a turn is about: the names and the other words of its question, names of its answer."""
    names = name_phrases(turn.question)
    known = {word for name in names for word in name.split()}
    asked = [
        w for w in _WORD.findall(turn.question) if w.lower() not in STOP_WORDS | QUESTION_WORDS
    ]
    others = [word for word in asked if word not in known]
    return [*names, *others, *name_phrases(turn.answer)[:2]]


def _appended(question: str, topic: Sequence[str]) -> str:
    """The question followed by words of the conversation that it does not have itself."""
    said = {stem(word) for word in words(question)}
    fresh: list[str] = []
    for one in topic:
        own = {stem(word) for word in words(one)}
        if not own <= said:
            fresh.append(one)
            said |= own
    return f"{question.rstrip(' ?.!')} ({', '.join(fresh)})?" if fresh else question


# ---- rewritten by a language model --------------------------------------------------------------

_LABEL = re.compile(r"^(?:[\w-]+ ){0,2}question(?: to rewrite)?\s*:\s*", re.IGNORECASE)
_ASKS = re.compile(r"[?？؟;՞][\"”’»)\s]*$")


def rewrite(model: LanguageModel, question: str, turns: Sequence[tuple[str, str]]) -> str | None:
    """The question rewritten by the model to stand alone; None if what it wrote is of no use.

    Args:
        turns: earlier questions with their answers, oldest first.
    """
    longest = 3 * len(question) + 120
    if not turns:
        return None
    try:
        with Completion(model, standalone(question, turns)) as completion:
            for _ in completion:
                if len(completion.text) > 2 * longest:
                    return None
    except ModelError:
        return None
    return _as_question(completion.text, question, longest)


def _as_question(text: str, asked: str, longest: int) -> str | None:
    """What was written, if it is one line that asks or, like the question, gives an order."""
    line = _LABEL.sub("", text.strip().strip("*")).strip(' \t"“”«»`*')
    if "\n" in line or len(line) > longest or re.search(r"\[\d", line):
        return None
    if not any(character.isalnum() for character in line):
        return None
    tells = not _ASKS.search(asked) and asked.lower().split()[:1] == line.lower().split()[:1]
    return line if tells or _ASKS.search(line) else None
