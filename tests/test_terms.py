import random
import sys
from concurrent.futures import ThreadPoolExecutor

from assistant.text import tokens


def test_threads_stem_at_once_and_get_what_one_alone_gets():
    rng = random.Random(1)
    endings = ["ing", "ational", "iveness", "ies", "ization", "fulness", "ed", "ement"]
    words = [
        "".join(rng.choices("abcdefghilmnoprstu", k=rng.randint(3, 9))) + rng.choice(endings)
        for _ in range(4000)
    ]
    alone = [tokens.stem(word) for word in words]
    tokens.stem.cache_clear()
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            together = list(pool.map(lambda _: [tokens.stem(word) for word in words], range(8)))
    finally:
        sys.setswitchinterval(before)
        tokens.stem.cache_clear()
    assert all(found == alone for found in together)
