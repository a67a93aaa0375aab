"""What the program itself says instead of an answer, or beside one."""

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
