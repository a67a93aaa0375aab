import pytest

from assistant.retrieval.spelling import corrected, nearest

VOCABULARY = ["armenia", "georgia", "galuzin", "receiv", "februari", "iran", "slovenia"]
WORDS = {"receiv": "received", "februari": "february"}


@pytest.mark.parametrize(
    "typed, meant",
    [
        ("galuzn", "galuzin"),  # lost
        ("galuzzin", "galuzin"),  # added
        ("galuxin", "galuzin"),  # changed
        ("armenai", "armenia"),  # swapped
        ("reciev", "receiv"),
        ("iraq", None),  # too short to tell
        ("slovakia", None),  # two letters: another country
        ("zebra", None),
        ("12345", None),
    ],
)
def test_a_word_is_taken_for_another_by_one_letter_only(typed, meant):
    assert nearest([typed], VOCABULARY).get(typed) == meant


def test_the_more_frequent_word_wins():
    assert nearest(["cairs"], ["chairs", "fairs"]) == {"cairs": "chairs"}


def test_only_misspelled_words_are_replaced():
    question = "What did Galuzn, in Febuary, recieve?"
    found = corrected(
        question, ["galuzn", "febuari", "reciev"], VOCABULARY, lambda s: WORDS.get(s, s)
    )
    assert found == "What did galuzin, in february, received?"
    assert corrected("All right?", [], VOCABULARY, str) == "All right?"
