"""What an archive of a whole corpus with its index holds.

The file is a plain tar: ``articles/…`` as they lie in the corpus, ``store.sqlite3`` as it was at
one moment, and ``manifest.json`` with the size, time and digest of each. Chroma is derived and is
left out, as are files of removed articles, runs of the evaluation and the feedback inbox.
"""

from dataclasses import dataclass

FORMAT = 1
MANIFEST = "manifest.json"
STORE = "store.sqlite3"
ARTICLES = "articles/"

REMEDY = "check the space and permissions of the folder; nothing was left behind"
"""Where the disk fails."""


@dataclass(frozen=True)
class Transfer:
    """What went into an archive, or came out of one."""

    path: str
    """Of the archive, or of the corpus folder that was made."""
    files: int
    articles: int
    passages: int
    size: int
    """Bytes of the archive."""
    left_out: tuple[str, ...] = ()
    """Files of the corpus that cannot be read, each with the reason."""


@dataclass(frozen=True)
class Entry:
    """What a manifest says of one file."""

    size: int
    digest: str
    modified: int = 0
    """Nanoseconds since 1970; 0 if it changed while it was read: the next sync reads it again."""

    @property
    def stamp(self) -> str:
        """That of the file, as `Corpus.stat` gives it."""
        return f"{self.size}:{self.modified}"
