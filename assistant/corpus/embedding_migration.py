"""To another embedding model: its vectors are made beside the old ones, then it answers.

Questions are answered by the old model meanwhile, and other processes may write: the writer's lock
is held for each batch's commit only.
"""

import threading

from assistant.corpus.indexing import BATCH_PASSAGES, Index
from assistant.errors import AssistantError, Stopped
from assistant.models.embedding import Embedder
from assistant.schema import Progress, ShowProgress, ShowWaiting
from assistant.store.active_model import described


def forget_incomplete(index: Index) -> int:
    """Has the next plan index again the articles that lack a vector of the model that answers, as a
    process adds them that cannot load that model; returns how many. The caller holds
    `Database.writing`.
    """
    answering = index.store.embeddings.answering_model()
    if answering is None or index.models.switching_to() is not None:
        return 0
    incomplete = index.store.embeddings.articles_without_vectors(answering.fingerprint)
    if incomplete:
        index.store.forget_recipes(incomplete)
    return len(incomplete)


def repair(index: Index) -> int:
    """Indexes those articles again; returns how many."""
    with index.store.writing():
        incomplete = forget_incomplete(index)
        if incomplete:
            index.apply(index.plan())
    return incomplete


def switch(
    index: Index,
    *,
    progress: ShowProgress | None = None,
    waiting: ShowWaiting | None = None,
    stopped: threading.Event | None = None,
) -> None:
    """Makes the vectors that the wanted model lacks, then has it answer; nothing, if it does.

    Killed, it goes on at the same place the next time.

    Args:
        progress: told after each commit.
        waiting: called while another process does the same.
        stopped: once set, the rest is left for the next time.
    """
    stopped = stopped or threading.Event()
    if index.models.switching_to() is None:
        return
    with index.store.switching(waiting):
        # Another process may have done it, and articles be added while this one does.
        while (embedder := index.models.switching_to()) is not None:
            _fill(index, embedder, progress, stopped)
            if stopped.is_set():
                return
            index.store.embeddings.switch(described(embedder))
    index.chroma.follow()


def _fill(
    index: Index, embedder: Embedder, progress: ShowProgress | None, stopped: threading.Event
) -> None:
    """Makes the vectors that passages lack of a model."""
    done, total = 0, index.store.embeddings.texts_without_vectors(embedder.fingerprint)
    made = index.store.embeddings.fill(embedder, BATCH_PASSAGES)
    while not stopped.is_set() and (count := next(made, 0)):
        done += count
        if progress is not None:
            progress(Progress(done, max(total, done), "passages for the new model"))


class BackgroundSwitch:
    """`switch` in a thread, for a process that answers questions meanwhile."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self.note = ""
        """How far it is, or why it cannot go on; empty when there is nothing to say."""

    def start(self) -> None:
        """Begins, or goes on where it was stopped."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="switch", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Waits for the batch that is being embedded; the rest is left for the next time."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            switch(self._index, progress=self._show, waiting=self._wait, stopped=self._stopped)
            self.note = ""
        except AssistantError as error:
            self.note = f"the new model cannot be switched to ({error})"
        except Stopped:
            pass

    def _show(self, step: Progress) -> None:
        self.note = f"{step.done} of {step.total} {step.unit}"

    def _wait(self, message: str) -> None:
        self.note = message
        if self._stopped.is_set():
            raise Stopped
