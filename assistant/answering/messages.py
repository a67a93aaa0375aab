"""Texts of the program's own: refusals, notices, and replies to small talk."""

import re
from typing import Literal

from assistant.schema import Answer

REFUSAL = "The articles do not answer this question."
NEAREST = "The nearest passages are below; they are about the topic, but the answer is not in them."
OTHER_LANGUAGE = (
    "No word of the question occurs in the articles: perhaps it is about something else, "
    "or in another language than they are."
)
EMPTY_CORPUS = (
    "No articles are indexed yet. Run `assistant sync`, add some with `assistant add PATH`, "
    "or on the Articles tab of the web page."
)
EMPTY_QUESTION = "Please ask a question: nothing was asked."

STANDS_IN = "The language model failed: {error}. These are the sentences that the answer rests on."
NOTHING_LEFT = (
    "All that the language model wrote was removed: none of it is in the articles. "
    "These are the sentences that the answer rests on."
)
REMOVED_ONE = (
    "A sentence was removed: what it quoted, or the source it named, is not in the articles."
)
REMOVED = (
    "{count} sentences were removed: what they quoted, or the sources they named, "
    "are not in the articles."
)

# ---- small talk ---------------------------------------------------------------------------------

SmallTalk = Literal["greeting", "thanks", "farewell", "ability"]

_PATTERNS: tuple[tuple[SmallTalk, str], ...] = (
    (
        "greeting",
        r"(?:hi|hello|hey|hallo|greetings|good (?:morning|afternoon|evening|day))"
        r"(?: (?:there|everyone|again|assistant))?(?:\W+how are you)?|how are you(?: today)?",
    ),
    (
        "thanks",
        r"(?:(?:ok|okay|great|good)\W+)?(?:many thanks|thanks|thank you|thx|cheers)"
        r"(?: (?:a lot|so much|very much|again))?|ok|okay|great|perfect|nice|well done|good",
    ),
    ("farewell", r"bye(?:[ -]bye)?|goodbye|good night|see you(?: later)?"),
    (
        "ability",
        r"help|(?:so )?(?:who|what) are you|what (?:can|do) (?:you|i) (?:do|ask)|what is this"
        r"|how (?:do|does) (?:i use )?(?:this|it|you) ?(?:work)?|what do you know"
        r"|can you help(?: me)?|what can i ask(?: you)?",
    ),
)


def small_talk(question: str) -> SmallTalk | None:
    """The kind of small talk, if the whole text is that; None for a question about something."""
    for topic, pattern in _PATTERNS:
        if re.fullmatch(rf"\W*(?:{pattern})\W*", question, re.IGNORECASE):
            return topic
    return None


_REPLIES: dict[SmallTalk, str] = {
    "greeting": "Hello. Ask me what the articles say, for example who said what about whom, "
    "and I answer with the sentences it rests on.",
    "thanks": "You are welcome. Ask on whenever you like.",
    "farewell": "Goodbye.",
    "ability": "I answer questions from the articles that are indexed here, and from nothing else: "
    "who said what, when something happened, how many, why. Each answer quotes the sentences it "
    "rests on, one click from where they stand, and when the articles do not answer I say so. "
    "You can ask on (“and in May?”), and add articles on the Articles tab.",
}


def reply(question: str) -> Answer | None:
    """The answer to small talk and to an empty question; None for a question about something."""
    if not any(character.isalnum() for character in question):
        return say(question, EMPTY_QUESTION)
    topic = small_talk(question)
    return None if topic is None else say(question, _REPLIES[topic])


def say(question: str, text: str) -> Answer:
    """An answer in the program's own words, without a search."""
    return Answer(question, question, text, answered=False)
