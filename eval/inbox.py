"""From feedback to questions: reads the inbox, and adopts the cases that a person has reviewed.

A person reviews a case by adding ``"reviewed": true`` to its line in ``inbox.jsonl``, and what a
question needs: ``kind``, ``answers``, ``article_ids``, ``evidence`` and ``reference``; a kind that
begins with ``unanswerable`` needs no more than ``kind`` and ``reference``. A follow-up becomes the
question that it was understood as: correct its ``standalone`` if that was the mistake.
"""

import json
import os
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from assistant.errors import StoreError
from assistant.feedback import append, json_line, using
from eval.datasets import UNANSWERABLE


@dataclass(frozen=True)
class Case:
    """One line of the inbox: an answer that a person found wrong, and its review if it has one."""

    where: str
    """File and line."""
    line: str
    """The line as it stands in the file."""
    question: str
    reason: str
    time: str = ""
    searched_for: str = ""
    standalone: str = ""
    answered: bool = False
    short_answer: str | None = None
    text: str = ""
    citations: tuple[dict[str, Any], ...] = ()
    confidence: float = 0.0
    remark: str = ""
    reviewed: bool = False
    kind: str = ""
    answers: tuple[str, ...] = ()
    article_ids: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    reference: str = ""


def read_cases(path: Path) -> list[Case]:
    """The cases of an inbox, oldest first; none if the file does not exist.

    Raises:
        StoreError: a line is not a case; names file, line and field.
    """
    return [_case(where, line) for where, line in _lines(path)]


def adopt(inbox: Path, questions: Path) -> int:
    """Moves the reviewed cases of an inbox to the questions; returns how many were added.

    A question that exists already, word for word, is not added again. Nothing is written unless
    every reviewed case can become a question.

    Raises:
        StoreError: a line is broken, a reviewed case lacks something, or its question exists with
            another review.
    """
    if not inbox.exists():
        return 0
    with using(inbox):
        cases = read_cases(inbox)
        known = _known(questions)
        new: dict[str, dict[str, Any]] = {}
        for case in (case for case in cases if case.reviewed):
            question = _question(case)
            if {**known, **new}.get(question["_id"], question) != question:
                raise _wrong(case.where, "question", "is adopted already with another review")
            if question["_id"] not in known:
                new[question["_id"]] = question
        # Questions first: if this stops in between, the next call finds them there.
        if new:
            append(questions, b"".join(map(json_line, new.values())))
        if any(case.reviewed for case in cases):
            _replace(inbox, [case.line for case in cases if not case.reviewed])
    return len(new)


def _lines(path: Path) -> list[tuple[str, str]]:
    """The non-blank lines of a file, each with its place."""
    if not path.exists():
        return []
    try:
        # Not splitlines: it breaks lines at other characters too, which texts may hold.
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(path, str(error), "correct or remove the file") from error
    numbered = [(f"{path}:{number}", line) for number, line in enumerate(lines, start=1)]
    return [(where, line) for where, line in numbered if line.strip()]


def _object(where: str, line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise StoreError(where, f"is not JSON: {error}", "correct or delete the line") from error
    if not isinstance(found, dict):
        raise StoreError(where, "is not a JSON object", "correct or delete the line")
    return found


def _case(where: str, line: str) -> Case:
    """Checks a line field by field; unknown fields are left to the person."""
    found = _object(where, line)
    for name in ("question", "reason"):
        if name not in found:
            raise _wrong(where, name, "is missing")
    chosen = {name: _field(where, name, found[name]) for name in _FORMS if name in found}
    return Case(where, line, **chosen)


_FORMS: dict[str, tuple[Any, str]] = {
    **dict.fromkeys(
        "question reason time searched_for standalone text remark kind reference".split(),
        (str, "a text"),
    ),
    "short_answer": (str | None, "a text or null"),
    **dict.fromkeys("answered reviewed".split(), (bool, "true or false")),
    "confidence": (int | float, "a number"),
    "citations": (list, "a list of citations"),
    **dict.fromkeys("answers article_ids evidence".split(), (list, "a list of texts")),
}
"""The fields of a case: the types that they may have in JSON, and a name for those."""


def _field(where: str, name: str, value: Any) -> Any:
    kind, words = _FORMS[name]
    right = isinstance(value, kind)
    if right and kind is list:
        items = dict if name == "citations" else str
        right = all(isinstance(item, items) for item in value)
    if not right:
        raise _wrong(where, name, f"is not {words}")
    return tuple(value) if kind is list else value


def _question(case: Case) -> dict[str, Any]:
    """The question that a reviewed case becomes."""
    needed = ["kind", "reference"]
    if not case.kind.startswith(UNANSWERABLE):
        needed += ["answers", "article_ids", "evidence"]
    for name in needed:
        value = getattr(case, name)
        if not value or any(
            not item.strip() for item in ([value] if isinstance(value, str) else value)
        ):
            raise _wrong(case.where, name, "is missing in this reviewed case")
    text = case.standalone or case.question
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
    return {
        "_id": f"inbox-{digest}",
        "text": text,
        "kind": case.kind,
        "answers": list(case.answers),
        "article_ids": list(case.article_ids),
        "evidence": list(case.evidence),
        "reference": case.reference,
        "asked": None,
    }


def _wrong(where: str, field: str, problem: str) -> StoreError:
    return StoreError(where, f"{field} {problem}", "correct the line")


def _known(questions: Path) -> dict[str, dict[str, Any]]:
    """The questions that came from an inbox, by id."""
    found = [_object(where, line) for where, line in _lines(questions)]
    return {q["_id"]: q for q in found if str(q.get("_id", "")).startswith("inbox-")}


def _replace(path: Path, lines: list[str]) -> None:
    """Replaces the whole content of a file, or leaves it as it was when that fails."""
    part = path.with_name(f"{path.name}.part")
    with part.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
