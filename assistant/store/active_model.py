"""The embedding models of an index: the one that answers now, and the one wanted in its place.

Vectors of different models are never compared. So a question is encoded by the model that the store
names, whatever the settings say. Where they choose another, `ModelSwitch` makes that one's vectors
beside the old ones, and then the store names it.
"""

from collections.abc import Callable, Sequence
from threading import Event, Lock, Thread

from assistant.errors import AssistantError, ModelError, Stopped
from assistant.models.embedding import Embedder, SentenceEmbedder, Vectors
from assistant.models.hub import PACKAGED
from assistant.schema import Progress, ShowProgress, ShowWaiting
from assistant.store.embeddings import AnsweringModel, Embeddings, digest_of


class Models:
    """The models of one process over one store; any thread.

    Args:
        chosen: the model that the settings name, or that a program brought.
    """

    def __init__(self, embeddings: Embeddings, chosen: Embedder) -> None:
        self.embeddings = embeddings
        self._chosen = chosen
        self._before = embeddings.answering_fingerprint()
        """Fingerprint of the model that answered when this process began."""
        self._loaded: dict[str, Embedder | None] = {chosen.fingerprint: chosen}
        self._loading = Lock()
        self._reason = ""

    def answering(self) -> Embedder:
        """The model that encodes questions: that of the store's vectors, loaded by its name.

        The chosen one where that can no longer be loaded: few passages or none have a vector of it,
        so that mostly words are compared; `problem` says so.
        """
        kept = self.embeddings.answering_model()
        return (kept and self._load(kept)) or self._chosen

    def wanted(self) -> Embedder:
        """The model whose vectors the passages should have.

        The chosen one, unless another process has switched to yet another since this one began:
        the process that was started last knows best, and two do not switch back and forth.
        """
        switched = self.embeddings.answering_fingerprint() not in ("", self._before)
        return self.answering() if switched else self._chosen

    def embed(self, texts: Sequence[str]) -> Vectors:
        """The wanted model's vectors of new texts, one row each. Until that model answers, the
        vectors of the one that does are stored: new articles are to be found meanwhile.
        """
        wanted, answering = self.wanted(), self.answering()
        if wanted.fingerprint != answering.fingerprint:
            vectors = self.embeddings.embed(texts, answering)
            digests = [digest_of(text) for text in texts]
            self.embeddings.put_vectors(answering.fingerprint, digests, vectors)
        return self.embeddings.embed(texts, wanted)

    def switching_to(self) -> Embedder | None:
        """The model that should answer instead of the present one; None if that is wanted."""
        kept, wanted = self.embeddings.answering_model(), self.wanted()
        return wanted if kept is not None and kept.fingerprint != wanted.fingerprint else None

    def problem(self) -> str:
        """Why the vectors cannot be searched, with the remedy; empty if they can."""
        kept = self.embeddings.answering_model()
        if kept is None or self._load(kept) is not None:
            return ""
        return (
            f"{kept.name or kept.fingerprint}: the model that the articles were embedded with "
            f"cannot be loaded ({self._reason}); until `assistant sync` has embedded them with "
            "the one in the settings, answers are found by their words only"
        )

    def _load(self, kept: AnsweringModel) -> Embedder | None:
        with self._loading:
            if kept.fingerprint not in self._loaded:
                self._loaded[kept.fingerprint] = self._by_name(kept)
            return self._loaded[kept.fingerprint]

    def _by_name(self, kept: AnsweringModel) -> Embedder | None:
        """The model, if it is still there with the same weights; nothing is downloaded."""
        # An index of format 1 does not name its model: a hub's fingerprint is its name.
        names = [kept.name] if kept.name else [*PACKAGED, kept.fingerprint]
        self._reason = "it is gone, or has other weights"
        for name in names:
            try:
                found = SentenceEmbedder(name, kept.precision, download=False)
                if found.fingerprint == kept.fingerprint:
                    found.encode(["ready?"])
                    return found
            except ModelError as error:
                self._reason = error.problem
        return None


class ModelSwitch:
    """Makes the wanted model answer, once all passages have vectors of it.

    Questions are answered by the old model meanwhile, and other processes may write: the writer's
    lock is held for each batch's commit only. Killed, it goes on at the same place the next time.
    `then` is called when it answers.
    """

    def __init__(self, models: Models, then: Callable[[], object]) -> None:
        self._models = models
        self._then = then
        self._stopped = Event()
        self._thread: Thread | None = None
        self.note = ""
        """How far it is, or why it cannot go on; empty when there is nothing to say."""

    def run(self, progress: ShowProgress | None = None, waiting: ShowWaiting | None = None) -> None:
        """Makes the vectors that the wanted model lacks, then makes it answer, unless it does.
        Waits for another process that does the same.
        """
        models, embeddings = self._models, self._models.embeddings
        if models.switching_to() is None:
            return
        with embeddings.database.switching(waiting):
            # Another process may have done it, and articles be added while this one does.
            while (embedder := models.switching_to()) is not None:
                done, total = 0, embeddings.texts_without_vectors(embedder.fingerprint)
                made = embeddings.fill(embedder)
                while not self._stopped.is_set() and (count := next(made, 0)):
                    done += count
                    if progress is not None:
                        progress(Progress(done, max(total, done), "passages for the new model"))
                if self._stopped.is_set():
                    return
                embeddings.switch(embedder)
        self._then()

    def start(self) -> None:
        """Runs in a thread, for a process that answers questions meanwhile."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = Thread(target=self._run, name="switch", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Waits for the batch that is being embedded; the rest is left for the next time."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            self.run(self._show, self._wait)
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
