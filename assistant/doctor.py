"""Checks that corpus, store, Chroma and models agree, and mends what can be mended."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from assistant.assistant import Assistant, open_assistant
from assistant.errors import AssistantError, StoreError
from assistant.models.embedding import Embedder
from assistant.settings import Settings
from assistant.store.database import move_away
from assistant.store.store import Store


@dataclass(frozen=True)
class Finding:
    """One line of `assistant doctor`."""

    part: str
    ok: bool
    message: str
    mended: bool = False


def examine(settings: Settings, embedder: Embedder | None = None) -> list[Finding]:
    """What is well, what was mended, and what a person must do, part by part."""
    findings = list(_store(settings.data_folder))
    if not all(finding.ok for finding in findings):
        return findings
    with open_assistant(settings, embedder=embedder) as assistant:
        for part, check in _CHECKS.items():
            try:
                findings.append(check(assistant))
            except AssistantError as error:
                findings.append(Finding(part, False, str(error)))
    return findings


def _store(folder: Path) -> Iterator[Finding]:
    """A store that cannot be opened or is damaged is moved aside: the corpus can rebuild it."""
    try:
        store = Store(folder)
        problems = store.check()
        store.close()
    except StoreError as error:
        problems = [error.problem]
    if not problems:
        yield Finding("store", True, "sound")
        return
    if all(problem.startswith("lexical index") for problem in problems):
        store = Store(folder)
        store.rebuild_lexical()
        store.close()
        yield Finding("store", True, f"{problems[0]}; built anew", mended=True)
        return
    try:
        aside = move_away(folder)
        Store(folder).close()
        message = f"{problems[0]}; moved to {aside.name}, building anew from the corpus"
        yield Finding("store", True, message, mended=True)
    except (OSError, StoreError) as error:
        yield Finding("store", False, f"{problems[0]}; cannot be replaced ({error})")


def _model(assistant: Assistant) -> Finding:
    assistant.warm()
    return Finding("embedding model", True, f"{assistant.settings.embedding_model} works")


def _corpus(assistant: Assistant) -> Finding:
    plan = assistant.plan()
    if plan.failures:
        lines = "; ".join(change.error for change in plan.failures)
        return Finding("corpus", False, lines)
    if plan.empty:
        return Finding("corpus", True, f"{plan.summary()}: the index holds the same")
    done = assistant.sync()
    return Finding("corpus", True, f"synced: {done.summary()}", mended=True)


def _vectors(assistant: Assistant) -> Finding:
    problem = assistant.model_problem()
    if problem:
        return Finding("vectors", False, problem)
    bare = assistant.mend_vectors()
    if bare:
        return Finding("vectors", True, f"{bare} articles had none; embedded anew", mended=True)
    return Finding("vectors", True, "every passage has one")


def _chroma(assistant: Assistant) -> Finding:
    problems = assistant.mend_chroma()
    if problems is None:
        return Finding("chroma", True, "in use by another process")
    if problems:
        return Finding("chroma", True, f"{problems[0]}; built anew", mended=True)
    return Finding("chroma", True, "follows the store")


_CHECKS: dict[str, Callable[[Assistant], Finding]] = {
    "chroma": _chroma,
    "corpus": _corpus,
    "vectors": _vectors,
    "embedding model": _model,
}
