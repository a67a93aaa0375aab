"""Checks that corpus, store, Chroma and models agree, and repairs what can be repaired."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from assistant.assistant import Assistant, open_assistant
from assistant.errors import AssistantError, StoreError
from assistant.models.embedding import Embedder
from assistant.settings import Settings
from assistant.store.store import Store, move_away


@dataclass(frozen=True)
class Finding:
    """One line of `assistant doctor`."""

    part: str
    ok: bool
    message: str
    mended: bool = False
    """It was not well, and has been repaired."""


_Result = tuple[Literal["ok", "mended", "failed"], str]


def examine(settings: Settings, embedder: Embedder | None = None) -> list[Finding]:
    """What is well, what was repaired, and what a person must do, part by part."""
    results = {"store": _store(settings.data_folder)}
    if results["store"][0] != "failed":
        with open_assistant(settings, embedder=embedder) as assistant:
            for part, check in _CHECKS.items():
                try:
                    results[part] = check(assistant)
                except AssistantError as error:
                    results[part] = "failed", str(error)
    return [
        Finding(part, status != "failed", message, status == "mended")
        for part, (status, message) in results.items()
    ]


def _store(folder: Path) -> _Result:
    """A store that cannot be opened or is damaged is moved aside: the corpus can rebuild it."""
    try:
        store = Store(folder)
        problems = store.check()
        store.close()
    except StoreError as error:
        problems = [error.problem]
    if not problems:
        return "ok", "sound"
    if all(problem.startswith("lexical index") for problem in problems):
        store = Store(folder)
        store.rebuild_lexical()
        store.close()
        return "mended", f"{problems[0]}; rebuilt"
    try:
        aside = move_away(folder)
        Store(folder).close()
    except (OSError, StoreError) as error:
        return "failed", f"{problems[0]}; cannot be replaced ({error})"
    return "mended", f"{problems[0]}; moved to {aside.name}, rebuilding from the corpus"


def _model(assistant: Assistant) -> _Result:
    assistant.warm()
    return "ok", f"{assistant.settings.embedding_model} works"


def _corpus(assistant: Assistant) -> _Result:
    plan = assistant.plan()
    if plan.failures:
        return "failed", "; ".join(change.error for change in plan.failures)
    if plan.empty:
        return "ok", f"{plan.summary()}: the index holds the same"
    return "mended", f"synced: {assistant.sync().summary()}"


def _vectors(assistant: Assistant) -> _Result:
    if problem := assistant.model_problem():
        return "failed", problem
    if incomplete := assistant.mend_vectors():
        return "mended", f"{incomplete} articles had none; embedded again"
    return "ok", "every passage has one"


def _chroma(assistant: Assistant) -> _Result:
    problems = assistant.mend_chroma()
    if problems is None:
        return "ok", "in use by another process"
    return ("mended", f"{problems[0]}; rebuilt") if problems else ("ok", "follows the store")


_CHECKS: dict[str, Callable[[Assistant], _Result]] = {
    "chroma": _chroma,
    "corpus": _corpus,
    "vectors": _vectors,
    "embedding model": _model,
}
