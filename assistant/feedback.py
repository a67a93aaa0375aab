"""The inbox: one JSON line for each answer that a person found wrong; `eval.inbox` reads it.

A line is appended in one write, under a lock that is also held while the file is replaced: lines of
several processes never mix, and none is lost while another process takes reviewed lines out.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from assistant.errors import SettingsError, StoreError, reason_of
from assistant.schema import Answer

INBOX = "inbox.jsonl"

REASONS = ("wrong source", "missing fact", "should have refused")
"""What can be wrong with an answer."""

MAX_REMARK = 2_000
"""Longest remark, in characters."""

PATIENCE = 10
"""Seconds to wait for another process that holds the lock; each holds it for milliseconds."""


def give(inbox: Path, answer: Answer, reason: str, remark: str = "") -> None:
    """Appends an answer with what is wrong with it; creates the folder if there is none.

    Raises:
        SettingsError: the reason is not one of `REASONS`, or the remark is too long.
        StoreError: the inbox cannot be written; it stays as it was.
    """
    if reason not in REASONS:
        raise SettingsError("reason", f"{reason!r} is none", f"choose one of {', '.join(REASONS)}")
    if len(remark) > MAX_REMARK:
        raise SettingsError("remark", f"is longer than {MAX_REMARK} characters", "shorten it")
    with using(inbox):
        append(inbox, json_line(_record(answer, reason, remark)))


def _record(answer: Answer, reason: str, remark: str) -> dict[str, Any]:
    said = answer.to_dict()
    keys = "question searched_for answered short_answer text citations confidence".split()
    now = datetime.now(UTC).isoformat(timespec="seconds")
    kept = {key: said[key] for key in keys}
    kept["standalone"] = answer.standalone  # a follow-up as typed cannot be adopted
    return {"time": now, **kept, "reason": reason, "remark": remark.strip()}


def json_line(record: Mapping[str, Any]) -> bytes:
    """A record as one line that people can read and edit, even in editors that break lines at more
    than line feeds; a lone surrogate, which UTF-8 cannot hold, is escaped.
    """
    text = json.dumps(record, ensure_ascii=False)
    text = re.sub("[\x85\u2028\u2029]", lambda found: f"\\u{ord(found.group()):04x}", text)
    return text.encode("utf-8", "backslashreplace") + b"\n"


@contextmanager
def using(inbox: Path) -> Iterator[None]:
    """Creates the inbox's folder and locks the inbox; wraps failures of the disk.

    Raises:
        StoreError: something could not be read or written.
    """
    try:
        inbox.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(inbox.with_name(f"{inbox.name}.lock"), timeout=PATIENCE):
            yield
    except OSError as error:
        remedy = "make room, or set `evaluation` to a folder that can be written"
        raise StoreError(error.filename or inbox, reason_of(error), remedy) from error


def append(path: Path, lines: bytes) -> None:
    """Appends lines durably, all or nothing; first ends a last line that has no line feed."""
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        before = os.lseek(file, 0, os.SEEK_END)
        if before:
            os.lseek(file, before - 1, os.SEEK_SET)
            lines = lines if os.read(file, 1) == b"\n" else b"\n" + lines
        if os.write(file, lines) < len(lines):
            os.ftruncate(file, before)
            raise OSError("the disk is full")
        os.fsync(file)
    finally:
        os.close(file)
