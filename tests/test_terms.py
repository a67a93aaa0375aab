import random
import sys
from concurrent.futures import ThreadPoolExecutor

from assistant import terms


def test_threads_stem_at_once_and_get_what_one_alone_gets():
    rng = random.Random(1)
    endings = ["ing", "ational", "iveness", "ies", "ization", "fulness", "ed", "ement"]
    words = [
        "".join(rng.choices("abcdefghilmnoprstu", k=rng.randint(3, 9))) + rng.choice(endings)
        for _ in range(4000)
    ]
    alone = [terms.stem(word) for word in words]
    terms.stem.cache_clear()
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            together = list(pool.map(lambda _: [terms.stem(word) for word in words], range(8)))
    finally:
        sys.setswitchinterval(before)
        terms.stem.cache_clear()
    assert all(found == alone for found in together)
