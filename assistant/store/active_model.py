"""The embedding models of an index: the one that answers now, and the one wanted in its place.

Vectors of different models are never compared. So a question is encoded by the model that the store
names, whatever the settings say. Where they choose another, `corpus.embedding_migration` makes that
one's vectors beside the old ones, and then the store names it.
"""

from collections.abc import Sequence
from threading import Lock

from assistant.errors import ModelError
from assistant.models.embedding import Embedder, SentenceEmbedder, Vectors
from assistant.models.hub import PACKAGED, Precision, model_path
from assistant.store.embeddings import AnsweringModel, Embeddings, digest_of


class Models:
    """The models of one process over one store; any thread.

    Args:
        chosen: the model that the settings name, or that a program brought.
    """

    def __init__(self, embeddings: Embeddings, chosen: Embedder) -> None:
        self._embeddings = embeddings
        self._chosen = chosen
        self._before = embeddings.answering_model()
        """What answered when this process began."""
        self._loaded: dict[str, Embedder | None] = {chosen.fingerprint: chosen}
        self._loading = Lock()
        self._reason = ""

    def answering(self) -> Embedder:
        """The model that encodes questions: that of the store's vectors, loaded by its name.

        The chosen one where that can no longer be loaded: few passages or none have a vector of it,
        so that mostly words are compared; `problem` says so.
        """
        kept = self._embeddings.answering_model()
        return (kept and self._load(kept)) or self._chosen

    def wanted(self) -> Embedder:
        """The model whose vectors the passages should have.

        The chosen one, unless another process has switched to yet another since this one began:
        the process that was started last knows best, and two do not switch back and forth.
        """
        kept = self._embeddings.answering_model()
        before = self._before.fingerprint if self._before else ""
        switched = kept is not None and kept.fingerprint != before
        return self.answering() if switched else self._chosen

    def embed(self, texts: Sequence[str]) -> Vectors:
        """The wanted model's vectors of new texts, one row each. Until that model answers, the
        vectors of the one that does are stored: new articles are to be found meanwhile.
        """
        wanted, answering = self.wanted(), self.answering()
        if wanted.fingerprint != answering.fingerprint:
            vectors = self._embeddings.embed(texts, answering)
            digests = [digest_of(text) for text in texts]
            self._embeddings.put_vectors(answering.fingerprint, digests, vectors)
        return self._embeddings.embed(texts, wanted)

    def switching_to(self) -> Embedder | None:
        """The model that should answer instead of the present one; None if that is wanted."""
        kept, wanted = self._embeddings.answering_model(), self.wanted()
        return wanted if kept is not None and kept.fingerprint != wanted.fingerprint else None

    def problem(self) -> str:
        """Why the vectors cannot be searched, with the remedy; empty if they can."""
        kept = self._embeddings.answering_model()
        if kept is None or self._load(kept) is not None:
            return ""
        return (
            f"{kept.name or kept.fingerprint}: the model that the articles were embedded with "
            f"cannot be loaded ({self._reason}); until `assistant sync` has embedded them with "
            "the one in the settings, answers are found by their words only"
        )

    def settle(self) -> None:
        """Notes the model that answers, if there are no passages yet, or its name, if that is new.
        The caller holds `Database.writing`.
        """
        self._embeddings.name_model(described(self.wanted()))

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


def described(embedder: Embedder) -> AnsweringModel:
    """What another process needs to load the model; without a name where a program brought it."""
    name = getattr(embedder, "name", "")
    precision: Precision = getattr(embedder, "precision", "auto")
    return AnsweringModel(embedder.fingerprint, model_path(name), precision)
