"""Embedding models: texts to unit vectors."""

import json
import re
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from assistant.models.hub import Precision, load_embedding_model, model_folder, one_thread, utf8

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Vectors = NDArray[np.float32]
Role = Literal["query", "document"]

_E5 = re.compile(r"(multilingual-)?e5-(small|base|large)(-v2)?")
_E5_PROMPTS = {"query": "query: ", "document": "passage: "}
"""As the cards of intfloat's E5 models say; their files do not."""


class Embedder(Protocol):
    """What the program needs of an embedding model; tests and users may bring their own."""

    @property
    def fingerprint(self) -> str:
        """Names the model and its weights; vectors of different fingerprints are not compared."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, one row per text, shape (len(texts), dimension)."""


@runtime_checkable
class QuestionEmbedder(Embedder, Protocol):
    """An embedding model that encodes questions differently from passages."""

    def encode_question(self, question: str) -> Vectors:
        """Its unit vector, shape (dimension,)."""


def encode_question(embedder: Embedder, question: str) -> Vectors:
    """The unit vector of a question, shape (dimension,), by any embedding model."""
    if isinstance(embedder, QuestionEmbedder):
        return embedder.encode_question(question)
    return np.asarray(embedder.encode([question])[0], dtype=np.float32)


class SentenceEmbedder:
    """A sentence-transformers model, loaded when first used; any thread, one at a time.

    Models that were trained with words before questions and passages ("query: ", "passage: ") get
    those of their `prompts`, and E5 models, which have none, those of their card.

    Args:
        name: a key of `PACKAGED`, a folder, or a name on a model hub. A hub model is downloaded by
            sentence-transformers when it is not in its cache, which the user asks for by naming it.
        precision: bfloat16 is 2.6 times as fast as float32 on CPUs with native support, with
            a cosine of 0.998 or better to the float32 vectors; ``auto`` takes it there.
        download: False for a model that the user has not just named: it is here, or loading fails.

    Raises:
        ModelError: it is not installed; while encoding: it cannot be loaded.
    """

    def __init__(self, name: str, precision: Precision = "auto", *, download: bool = True) -> None:
        self.name = name
        self.precision: Precision = precision
        self._download = download
        self.fingerprint = _fingerprint(name)
        self._lock = Lock()
        self._model: SentenceTransformer | None = None

    def encode(self, texts: Sequence[str]) -> Vectors:
        return self._encode(texts, "document")

    def encode_question(self, question: str) -> Vectors:
        return np.asarray(self._encode([question], "query")[0], dtype=np.float32)

    def _encode(self, texts: Sequence[str], role: Role) -> Vectors:
        with self._lock:
            if self._model is None:
                self._model = self._loaded()
            model = self._model
            encode = model.encode_query if role == "query" else model.encode_document
            with one_thread(wanted=len(texts) == 1):
                # encode sorts by length itself, so that little of a batch is padding.
                encoded = encode(
                    [utf8(text) for text in texts],
                    prompt=_prompt(model.prompts, role),
                    batch_size=32,
                    normalize_embeddings=True,
                    show_progress_bar=False,
                )
        vectors = np.asarray(encoded, dtype=np.float32).reshape(len(texts), -1)
        # bfloat16 normalises to 1 ± 0.004; cosines are compared across batches.
        length = np.linalg.norm(vectors, axis=1, keepdims=True).clip(min=1e-12)
        return np.asarray(vectors / length, dtype=np.float32)

    def _loaded(self) -> "SentenceTransformer":
        model = load_embedding_model(self.name, self.precision, download=self._download)
        if _is_e5(self.name) and not any(model.prompts.values()):
            model.prompts = dict(_E5_PROMPTS)
        return model


def _prompt(prompts: Mapping[str, str | None], role: Role) -> str | None:
    """What a model wants before a text of this role; None for a model that wants nothing at all.

    sentence-transformers' own choice prefers "document", which it adds as empty, to "passage".
    """
    if not any(prompts.values()):
        return None
    names = ("query",) if role == "query" else ("document", "passage", "corpus")
    return next((prompt for name in names if (prompt := prompts.get(name))), "")


def _prompts_of(folder: Path) -> Mapping[str, str | None]:
    """What a model in a folder wants before texts of each role."""
    try:
        config = json.loads((folder / "config_sentence_transformers.json").read_bytes())
        found = dict(config.get("prompts") or {})
    except (OSError, ValueError, AttributeError, TypeError):  # there is none, or it is malformed
        found = {}
    return found if any(found.values()) or not _is_e5(folder.name) else _E5_PROMPTS


def _is_e5(name: str) -> bool:
    return _E5.fullmatch(Path(name).name.lower()) is not None


def _fingerprint(name: str) -> str:
    folder = model_folder(name)
    if folder is None:
        return f"{name}+prompts" if _is_e5(name) else name
    digest = blake2b(digest_size=8)
    for weights in sorted(folder.glob("*.safetensors")) + sorted(folder.glob("*.bin")):
        digest.update(str(weights.stat().st_size).encode())
        with weights.open("rb") as file:
            # The head holds names, shapes and the first weights: enough to tell models apart
            # without reading 90 MB at every start.
            digest.update(file.read(1 << 20))
    prompts = _prompts_of(folder)
    if any(prompts.values()):
        digest.update(json.dumps(prompts, sort_keys=True).encode())
    return f"{Path(name).name}@{digest.hexdigest()}"
