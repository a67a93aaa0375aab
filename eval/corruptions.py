"""Answers to the bundled questions, and the same answers with one thing made wrong.

Each question has the answer that the assistant gives, and one in prose, as a language model would
write it: the reference with a mark, and the evidence as a quotation. A number, a name, the speaker,
a quotation or a citation mark is made wrong.
"""

import random
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from assistant.answering.extractive import cite
from assistant.assistant import Assistant
from assistant.schema import Citation, Evidence, Passage
from assistant.text.citation_marks import MARK
from assistant.text.dates import MONTHS
from assistant.text.names import names_of
from assistant.text.sentences import split_sentences
from assistant.text.speech import speakers_of
from assistant.text.tokens import STOP_WORDS
from eval.datasets import Question
from eval.measures import squeezed

SEED = 11
DISTRACTORS = 2
"""Passages of other articles among the sources of an answer in prose."""

NO_SOURCE = 9
"""A citation number that no answer has."""


@dataclass(frozen=True)
class Made:
    """An answer with its citations."""

    question: str
    """Its id."""
    form: str
    """extractive or prose."""
    text: str
    citations: tuple[Citation, ...]


@dataclass(frozen=True)
class Corrupted:
    """An answer with one thing made wrong, and where."""

    kind: str
    answer: Made
    at: int
    """Position of a character in the sentence that is now wrong."""


Words = Sequence[str]
Change = tuple[int, int, str]
"""Start and end of the characters to replace, and the replacement."""


def answers(assistant: Assistant, questions: Iterable[Question]) -> list[Made]:
    """The assistant's answers to the questions, and those in prose where they can be made."""
    made: list[Made] = []
    for question in questions:
        answer = assistant.ask(question.text)
        if answer.answered:
            made.append(Made(question.id, "extractive", answer.text, answer.citations))
        if question.answerable and question.evidence and question.reference:
            made += _prose(assistant, question)
    return made


def _prose(assistant: Assistant, question: Question) -> list[Made]:
    """The reference and a quotation in prose; nothing if no passage holds the evidence."""
    rng = random.Random(f"{SEED}-{question.id}")
    gold: dict[Passage, str] = {}
    for article_id in sorted(question.article_ids):
        for evidence in question.evidence:
            for passage in assistant.passages(article_id):
                if squeezed(evidence) in squeezed(passage.text):
                    gold.setdefault(passage, evidence)
    found = assistant.retrieve(question.text, 20)
    others = [s.passage for s in found if s.passage.article_id not in question.article_ids]
    if not gold or len(others) < DISTRACTORS:
        return []
    passages = [*gold, *others[:DISTRACTORS]]
    rng.shuffle(passages)
    citations = tuple(_citation(assistant, n, p) for n, p in enumerate(passages, 1))
    marks = "".join(f"[{n}]" for n, p in enumerate(passages, 1) if p in gold)
    passage, evidence = next(iter(gold.items()))
    own = f"[{passages.index(passage) + 1}]"
    text = f"{question.reference} {marks}\n\n{_reported(passage, evidence)} {own}"
    return [Made(question.id, "prose", text, citations)]


def _citation(assistant: Assistant, number: int, passage: Passage) -> Citation:
    article = assistant.article(passage.article_id)
    start, end = split_sentences(passage.text)[0]
    first = passage.start + start, passage.start + end
    return cite(number, article, Evidence(passage, *first, article.text[slice(*first)], 1.0))


def _reported(passage: Passage, evidence: str) -> str:
    """The evidence as a quotation, with its speaker if its sentence names one."""
    flat = squeezed(passage.text)
    at = flat.index(squeezed(evidence))
    around = next((flat[s:e] for s, e in split_sentences(flat) if s <= at < e), "")
    speakers = speakers_of(around)
    inside = re.search(r"“([^“”]{20,})”", around)
    if speakers and inside:
        return f"{speakers[0]} said: “{inside[1].rstrip(',.')}”"
    if speakers:
        return f"{speakers[0]} said that much: “{squeezed(evidence)}”"
    return f"As the article puts it, “{squeezed(evidence)}”"


def corrupted(answers: Sequence[Made]) -> list[Corrupted]:
    """Each answer made wrong in each way it allows; the same at every run."""
    contexts = [citation.context for answer in answers for citation in answer.citations]
    names = sorted({" ".join(n.written) for c in contexts for n in names_of(c) if not n.begins})
    people = sorted({name for context in contexts for name in _people(context)})
    lowered = {word for context in contexts for word in re.findall(r"\b[a-z]{5,}\b", context)}
    words = sorted(lowered - STOP_WORDS)
    kinds: dict[str, Callable[[Made, random.Random], Change | None]] = {
        "number": _number,
        "name": lambda made, rng: _name(made, names, rng),
        "speaker": lambda made, rng: _speaker(made, people, rng),
        "quotation": lambda made, rng: _quotation(made, words, rng),
        "citation": _mark,
    }
    found = []
    for made in answers:
        for kind, change in kinds.items():
            changed = change(made, random.Random(f"{SEED}-{made.question}-{made.form}-{kind}"))
            if changed is not None:
                start, end, new = changed
                text = made.text[:start] + new + made.text[end:]
                other = Made(made.question, made.form, text, made.citations)
                found.append(Corrupted(kind, other, start))
    return found


_DIGITS = re.compile(r"(?<![\w\[,.-])\d[\d,.]*\d|(?<![\w\[,.-])\d(?!\w)")
_SMALL = "two three four five six seven eight nine ten eleven twelve".split()
_FIGURE = re.compile(rf"{_DIGITS.pattern}|\b(?:{'|'.join([*_SMALL, *MONTHS])})\b")


def _statement_spans(made: Made) -> list[tuple[int, int]]:
    """The spans of the paragraphs with a citation mark: no bylines, no short answer."""
    spans = [match.span() for match in re.finditer(r"[^\n]+", made.text)]
    return [(start, end) for start, end in spans if MARK.search(made.text, start, end)]


def _number(made: Made, rng: random.Random) -> Change | None:
    figures = [m for s, e in _statement_spans(made) for m in _FIGURE.finditer(made.text, s, e)]
    if not figures:
        return None
    old = rng.choice(figures)
    return old.start(), old.end(), _other_figure(old.group(), rng)


def _other_figure(old: str, rng: random.Random) -> str:
    for words in (_SMALL, MONTHS):
        if old in words:
            return rng.choice([word for word in words if word != old])
    digit = rng.choice([at for at, c in enumerate(old) if c.isdigit()])
    others = [d for d in "123456789" if d != old[digit]]
    return old[:digit] + rng.choice(others) + old[digit + 1 :]


def _name(made: Made, names: Words, rng: random.Random) -> Change | None:
    """Another name; half the time it comes from the cited passages."""
    spans = [
        span
        for start, end in _statement_spans(made)
        for name in names_of(made.text[start:end])
        if (span := _find(made.text, " ".join(name.written), start, end))
    ]
    if not spans:
        return None
    start, end = rng.choice(spans)
    cited = {" ".join(n.written) for c in made.citations for n in names_of(c.context)}
    pool = sorted(cited) if rng.random() < 0.5 else list(names)
    return _replaced(made.text, start, end, pool, rng)


def _find(text: str, words: str, start: int, end: int) -> tuple[int, int] | None:
    at = text.find(words, start, end)
    return (at, at + len(words)) if at >= 0 else None


def _replaced(text: str, start: int, end: int, pool: Words, rng: random.Random) -> Change | None:
    old = set(text[start:end].split())
    others = [one for one in pool if one[:4] != text[start:end][:4] and not set(one.split()) & old]
    return (start, end, rng.choice(others)) if others else None


def _people(text: str) -> list[str]:
    return re.findall(r"\b[A-Z][a-z]+ (?:[A-Z][a-z]+(?:yan|in|ov|ev|ko|shvili|uk))\b", text)


def _speaker(made: Made, people: Words, rng: random.Random) -> Change | None:
    """Another speaker, where a sentence names one."""
    spans = [
        span
        for start, end in _statement_spans(made)
        for name in speakers_of(made.text[start:end])
        if (span := _find(made.text, name, start, end))
    ]
    if not spans:
        return None
    return _replaced(made.text, *rng.choice(spans), people, rng)


def _quotation(made: Made, words: Words, rng: random.Random) -> Change | None:
    """A quotation with a word replaced, dropped or negated: not at its ends, where a dropped word
    only makes it shorter, and not in an insertion in brackets.
    """
    pattern = re.compile(r"[^\n]{20,}(?= \[\d)" if made.form == "extractive" else r"“[^“”]{20,}”")
    spans = _statement_spans(made)
    quoted = [m for start, end in spans for m in pattern.finditer(made.text, start, end)]
    if not quoted:
        return None
    chosen = rng.choice(quoted)
    inserted = [m.span() for m in re.finditer(r"\[[^\[\]]*\]", made.text)]
    inner = [
        word
        for word in list(re.finditer(r"[^\W\d_]{4,}", chosen.group()))[1:-1]
        if not any(s <= chosen.start() + word.start() < e for s, e in inserted)
    ]
    if not inner:
        return None
    word = rng.choice(inner)
    start, end = (chosen.start() + at for at in word.span())
    new = {"replace": rng.choice(words), "drop": "", "negate": f"not {word.group()}"}
    return start, end, new[rng.choice(list(new))]


def _mark(made: Made, rng: random.Random) -> Change | None:
    """Another article's number, or one that no source has, for all marks of a sentence."""
    runs = list(re.finditer(rf"(?:{MARK.pattern})+", made.text))
    if not runs:
        return None
    run = rng.choice(runs)
    cited = {int(n) for n in re.findall(r"\d+", run.group())}
    own = {c.article_id for c in made.citations if c.number in cited}
    others = [c.number for c in made.citations if c.article_id not in own]
    number = NO_SOURCE if rng.random() < 1 / 3 or not others else rng.choice(others)
    return run.start(), run.end(), f"[{number}]"
