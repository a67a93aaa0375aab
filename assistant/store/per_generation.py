"""A cache of what is computed from the store, until the store changes."""

from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

from cachetools import LRUCache

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class PerGeneration(Generic[Key, Value]):
    """Values by key, each computed once for a state of the store; any thread.

    Two threads that ask for the same new value at once may both compute it.

    Args:
        generation: gives the store's `Database.generation`.
        size: the most values kept; those asked for last stay.
    """

    def __init__(self, generation: Callable[[], int], size: int = 1) -> None:
        self._generation = generation
        self._values: LRUCache[tuple[int, Key], Value] = LRUCache(size)
        self._lock = Lock()  # an LRUCache is not safe to use from two threads, not even to read

    def get(self, key: Key, compute: Callable[[], Value]) -> Value:
        """The value of a key, by `compute` where it is not cached."""
        full_key = self._generation(), key
        with self._lock:
            if full_key in self._values:
                return self._values[full_key]
        value = compute()
        with self._lock:
            self._values[full_key] = value
        return value

    def clear(self) -> None:
        """Forgets all values."""
        with self._lock:
            self._values.clear()
