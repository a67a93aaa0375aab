"""What the tests share: a corpus folder that grows, and an embedder whose vectors are plain."""

import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pytest

from assistant import open_assistant
from assistant.assistant import Assistant

# A shell has what it starts in the background ignore Ctrl-C, and so would the processes of ours that
# tests stop with it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

BUNDLED = Path(__file__).parent.parent / "corpus" / "articles"
INTERVIEW = "galuzin-csto-tass.txt"


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
def bundled(tmp_path_factory) -> Iterator[Assistant]:
    """The bundled corpus behind the packaged model."""
    data = tmp_path_factory.mktemp("bundled")
    with open_assistant(corpus=BUNDLED, data=data) as assistant:
        assistant.sync()
        yield assistant
