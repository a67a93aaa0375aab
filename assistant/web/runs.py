"""Reads evaluation runs: the newest one, as far as the page shows it, and its report."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.errors import StoreError, reason_of

ROOT = Path(__file__).parents[2]
FOLDER = "runs"
"""Name of the folder of runs inside the evaluation folder."""

MAIN_MEASURES = (
    "evidence hit@1, evidence hit@10, evidence MRR, contains answer, token F1, evidence cited, "
    "evidence cited first, citation precision, false-answer rate, false-refusal rate, "
    "refusal AUROC"
).split(", ")
"""The measures that are shown; the report has them all."""

WRONG = (
    "should have refused, should have answered, wrong sentence, retrieved but not chosen, "
    "not retrieved"
).split(", ")
RIGHT = ("right", "rightly refused")


@dataclass(frozen=True)
class Judged:
    """One question of a run: what was expected, and what was answered then."""

    id: str
    text: str
    kind: str
    outcome: str
    expected: tuple[str, ...]
    reference: str
    article_ids: tuple[str, ...]
    history: tuple[tuple[str, str], ...]
    standalone: str
    said: str
    """The text of the answer, quotes included; empty when no answer was asked for."""
    answered: bool
    quotes: tuple[tuple[str, str], ...]
    """The title that an article had then, and a sentence of it."""


@dataclass(frozen=True)
class Run:
    """One run of the evaluation."""

    name: str
    created: str
    dataset: str
    articles: int
    measures: dict[str, tuple[float | None, ...]]
    """The mean over the questions that have the measure, the ends of its 95 % interval."""
    questions: tuple[Judged, ...]
    """The wrong ones first."""
    has_report: bool

    @property
    def outcomes(self) -> dict[str, int]:
        """The number of questions with each outcome, the wrong ones first."""
        return dict(Counter(question.outcome for question in self.questions))


def in_clone() -> bool:
    """Whether `make eval` exists: in a clone, where it and `eval` lie beside the package.

    The import system does not tell: the command of an editable install does not find `eval`.
    """
    return (ROOT / "Makefile").is_file() and (ROOT / "eval").is_dir()


def newest_run(evaluation: Path) -> Run | None:
    """The run that was written last; None if there are no runs.

    Raises:
        StoreError: its file cannot be read; names it.
    """
    files = [path for path in (evaluation / FOLDER).glob("*.json") if path.is_file()]
    newest = max(files, key=lambda path: (path.stat().st_mtime, path.name), default=None)
    return None if newest is None else read_run(newest)


def read_run(path: Path) -> Run:
    """A run from its file.

    Raises:
        StoreError: the file cannot be read, or is not a run; names it.
    """
    remedy = "remove the file" + (" or run `make eval` again" if in_clone() else "")
    try:
        return _run(json.loads(path.read_bytes()), path)
    except OSError as error:
        raise StoreError(path, reason_of(error), remedy) from error
    except (ValueError, RecursionError) as error:
        raise StoreError(path, "is not JSON", remedy) from error
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise StoreError(path, "is not an evaluation run", remedy) from error


def find_report(evaluation: Path, name: str) -> Path | None:
    """The report with this file name; nothing outside the folder of runs is ever found."""
    reports = (evaluation / FOLDER).glob("*.html")
    return next((p for p in reports if p.name == name and p.is_file() and not p.is_symlink()), None)


def _run(found: dict[str, Any], path: Path) -> Run:
    questions = map(_judged, found["questions"])
    summary = found["summary"]
    return Run(
        name=path.stem,
        created=_text(found["created"]).replace("T", " "),
        dataset=_text(found["dataset"]["name"]),
        articles=int(found["dataset"]["articles"]),
        measures={name: _measure(summary[name]) for name in MAIN_MEASURES if name in summary},
        questions=tuple(sorted(questions, key=lambda question: _place(question.outcome))),
        has_report=find_report(path.parent.parent, f"{path.stem}.html") is not None,
    )


def _place(outcome: str) -> int:
    """The wrong ones come first, then one that this version does not know, then the right ones."""
    return WRONG.index(outcome) if outcome in WRONG else len(WRONG) + (outcome in RIGHT)


def _measure(found: dict[str, Any]) -> tuple[float | None, ...]:
    values = (found[key] for key in ("mean", "low", "high"))
    return tuple(None if value is None else float(value) for value in values)


def _judged(found: dict[str, Any]) -> Judged:
    answer = found["answer"] or {"text": "", "answered": False, "citations": []}
    return Judged(
        id=_text(found["id"]),
        text=_text(found["text"]),
        kind=_text(found["kind"]),
        outcome=_text(found["outcome"]),
        expected=tuple(map(_text, found["expected"])),
        reference=_text(found["reference"] or ""),
        article_ids=tuple(map(_text, found["article_ids"])),
        history=tuple(_pair(turn, "question", "answer") for turn in found.get("history") or ()),
        standalone=_text(found.get("standalone") or ""),
        said=_text(answer["text"]),
        answered=bool(answer["answered"]),
        quotes=tuple(_pair(citation, "title", "quote") for citation in answer["citations"]),
    )


def _pair(found: dict[str, Any], first: str, second: str) -> tuple[str, str]:
    return _text(found[first]), _text(found[second])


def _text(value: Any) -> str:
    """A value as text; a lone surrogate, which a page cannot hold, is replaced."""
    return str(value).encode("utf-8", "replace").decode()
