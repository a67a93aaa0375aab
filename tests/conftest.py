"""What the tests share: a corpus folder that grows, and an embedder whose vectors are plain."""

import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from shutil import copytree, ignore_patterns

import numpy as np
import pytest
from filelock import FileLock

from assistant import open_assistant
from assistant.assistant import Assistant

from . import PARALLEL

# A shell has what it starts in the background ignore Ctrl-C, and so would the processes of ours that
# tests stop with it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

BUNDLED = Path(__file__).parent.parent / "corpus" / "articles"
INTERVIEW = "galuzin-csto-tass.txt"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow modules are first, so that no worker has one left when the others have ended."""
    items.sort(key=lambda item: not hasattr(item.module, "pytestmark"))


@dataclass
class WordEmbedder:
    """Bags of words, hashed into 1024 places: texts are near when they share words."""

    fingerprint: str = "words-1024"
    encoded: list[str] = field(default_factory=list)

    def encode(self, texts):
        self.encoded.extend(texts)
        vectors = np.zeros((len(texts), 1024), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in re.findall(r"\w+", text.lower()):
                vectors[
                    row, int.from_bytes(blake2b(word.encode(), digest_size=2).digest()) % 1024
                ] += 1
        vectors[:, 0] += 1e-3
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@dataclass
class Folder:
    """A corpus in a temporary folder."""

    root: Path

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def open(self, **chosen) -> Assistant:
        chosen.setdefault("embedder", WordEmbedder())
        return open_assistant(corpus=self.root, **chosen)


@pytest.fixture
def folder(tmp_path) -> Folder:
    (tmp_path / "articles").mkdir()
    return Folder(tmp_path / "articles")


@pytest.fixture(scope="session")
def bundled_index(tmp_path_factory) -> Path:
    """The data folder of the bundled articles behind the packaged model, to be copied.

    All workers have the same: the model takes its time.
    """
    own = tmp_path_factory.getbasetemp()
    index = (own.parent if PARALLEL else own) / "bundled-index"
    with FileLock(f"{index}.lock"):
        if not index.exists():
            unfinished = tmp_path_factory.mktemp("index") / "data"
            with open_assistant(corpus=BUNDLED, data=unfinished) as assistant:
                assistant.sync()
                assistant.warm()
            unfinished.rename(index)
    return index


@pytest.fixture(scope="session")
def bundled(bundled_index, tmp_path_factory) -> Iterator[Assistant]:
    """The bundled corpus behind the packaged model."""
    data = copytree(bundled_index, tmp_path_factory.mktemp("bundled") / "data")
    with open_assistant(corpus=BUNDLED, data=data) as assistant:
        yield assistant


def copy_bundled(index: Path, corpus: Path) -> Path:
    """A corpus folder with copies of the bundled articles and of their index."""
    copytree(BUNDLED, corpus, ignore=ignore_patterns(".assistant"))
    copytree(index, corpus / ".assistant")
    return corpus
