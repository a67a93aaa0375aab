"""Asks the bundled questions of the bundled corpus: `make eval`, or `python -m eval [-v]`.

A question counts as answered rightly when a sentence quoted holds one of its expected strings, as
answered first when the first sentence does; an unanswerable one when it is refused.
"""

import json
import sys
import tempfile
from pathlib import Path

from assistant import open_assistant

HERE = Path(__file__).parent
CORPUS = HERE.parent / "corpus" / "articles"


def main() -> None:
    lines = (HERE / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    questions = [json.loads(line) for line in lines]
    counts = {"first": 0, "quoted": 0, "refused": 0, "candidates": 0}
    with (
        tempfile.TemporaryDirectory() as folder,
        open_assistant(corpus=CORPUS, data=Path(folder)) as assistant,
    ):
        assistant.sync()
        for question in questions:
            answer = assistant.ask(question["text"])
            quotes = [c.quote for c in answer.citations] if answer.answered else []
            held = [
                any(a in " ".join(quote.split()) for a in question["answers"]) for quote in quotes
            ]
            counts["candidates"] += any(
                a in s.passage.text for a in question["answers"] for s in answer.passages
            )
            counts["first"] += held[:1] == [True]
            counts["quoted"] += any(held)
            counts["refused"] += question["kind"] == "unanswerable" and not answer.answered
            if "-v" in sys.argv:
                verdict = (
                    "ok" if any(held) or not (answer.answered or question["answers"]) else "--"
                )
                print(f"{verdict} {answer.confidence:.2f} {question['text']}")
                print(f"      {(quotes or ['(refused)'])[0][:110]!r}")
    answerable = sum(question["kind"] == "answerable" for question in questions)
    print(f"answerable questions: {answerable}")
    print(f"  answer among the candidates: {counts['candidates'] / answerable:.2f}")
    print(f"  answer quoted: {counts['quoted'] / answerable:.2f}")
    print(f"  answer quoted first: {counts['first'] / answerable:.2f}")
    unanswerable = len(questions) - answerable
    print(f"unanswerable questions: {unanswerable}")
    print(f"  refused: {counts['refused'] / unanswerable:.2f}")


if __name__ == "__main__":
    main()
