"""Questions and texts as the training draws pairs from them."""

import random
from dataclasses import dataclass
from pathlib import Path

from assistant.models.cross_encoder import Ids, Pair, PairTokenizer
from eval.training.examples import (
    Labelled,
    Mined,
    Question,
    Sampler,
    held_out,
    mine,
    read,
    tokenize,
)
from eval.training.model import packaged_folder


@dataclass(frozen=True)
class Material:
    """Everything that pairs are drawn from."""

    questions: list[Question]
    asked: list[Ids]
    mined: list[Mined]
    sampler: Sampler
    tokenizer: PairTokenizer
    articles: dict[str, str]
    training: list[int]
    held_out: list[int]

    @classmethod
    def load(cls, data: Path, work: Path) -> "Material":
        """Reads the data; mines wrong passages if that was not done before."""
        articles, questions = read(data)
        mined = mine(articles, questions, work / "mined.jsonl")
        tokenizer = PairTokenizer(packaged_folder() / "tokenizer.json")
        texts = tokenize(articles, tokenizer)
        asked = [tokens.ids for tokens in tokenizer.tokens([q.text for q in questions])]
        kept = [i for i, q in enumerate(questions) if held_out(q.article)]
        learned = [i for i, q in enumerate(questions) if not held_out(q.article)]
        # Nothing of a held-out text is seen, not even as a wrong passage.
        free = {i: [m for m in mined[i] if not held_out(m[0])] for i in learned}
        mined = [free.get(i, row) for i, row in enumerate(mined)]
        seen = {identity: text for identity, text in texts.items() if not held_out(identity)}
        sampler = Sampler(texts, sorted(seen), articles, tokenizer)
        sources = {identity: article.text for identity, article in articles.items()}
        return cls(questions, asked, mined, sampler, tokenizer, sources, learned, kept)

    def pair(self, labelled: Labelled) -> Pair:
        return self.tokenizer.pair(labelled.question, labelled.heading, labelled.passage)

    def both(self, number: int, size: int, rng: random.Random) -> tuple[Labelled, Labelled]:
        """A question's right passage and a wrong one."""
        question, asked = self.questions[number], self.asked[number]
        right = self.sampler.right(question, asked, size, rng)
        return right, self.sampler.wrong(question, asked, self.mined[number], size, rng)
