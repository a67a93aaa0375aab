"""The evaluation, as its commands and its files show it."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from llama_index.core.llms import CompletionResponse, CustomLLM, LLMMetadata

import assistant as assistant_package
from assistant.errors import AssistantError
from assistant.sources.files import read_article
from eval import gate
from eval.__main__ import main
from eval.compare import compare
from eval.datasets import (
    ANSWER,
    BUNDLED_CORPUS,
    BUNDLED_QUESTIONS,
    Question,
    bundled,
    load,
    read_records,
)
from eval.glossary import MEASURED
from eval.measures import squeezed
from eval.run import evaluate, open_dataset, save

from . import fork_server
from .conftest import WordEmbedder
from .llm_server import LLMServer
from .llm_server import Reply as LLMReply

KINDS = set(
    "fact quote why list time two-articles abbreviation paraphrase follow-up"
    " unanswerable-near unanswerable-far".split()
)
ARTICLES = [
    {"_id": "ferry", "title": "The ferry", "text": "The ferry sails at noon. It carries cars."},
    {"_id": "bridge", "title": "The bridge", "text": "The bridge was opened in 1931 by the king."},
    {"_id": "tower", "title": "The tower", "text": "The tower has a clock. The clock is slow."},
]
QUESTIONS = [
    {
        "_id": "1",
        "text": "When does the ferry sail?",
        "kind": "fact",
        "answers": ["at noon"],
        "article_ids": ["ferry"],
        "evidence": ["The ferry sails at noon."],
        "reference": "The ferry sails at noon.",
    },
    {
        "_id": "2",
        "text": "When was the bridge opened?",
        "kind": "fact",
        "answers": ["1931"],
        "article_ids": ["bridge"],
        "evidence": ["not a word of the article"],
    },
    {
        "_id": "3",
        "text": "What do zebras eat?",
        "kind": "unanswerable",
        "answers": [],
        "article_ids": [],
    },
    {
        "_id": "4",
        "text": "How is its clock?",
        "kind": "follow-up",
        "answers": ["slow"],
        "article_ids": ["tower"],
        "evidence": ["The clock is slow."],
        "history": [{"question": "What has the tower?", "answer": "A clock."}],
        "standalone": "How is the clock of the tower?",
    },
]


def write_dataset(folder: Path, articles=ARTICLES, questions=QUESTIONS, gzipped=False) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, records in (("articles", articles), ("questions", questions)):
        content = "".join(json.dumps(record) + "\n" for record in records).encode()
        path = folder / f"{name}.jsonl{'.gz' if gzipped else ''}"
        path.write_bytes(gzip.compress(content) if gzipped else content)
    return folder


@pytest.fixture
def small(tmp_path):
    return load(write_dataset(tmp_path / "small"), tmp_path / "cache")


@pytest.fixture
def assistant(small):
    from assistant import open_assistant

    with open_assistant(
        corpus=small.corpus, data=small.index / "i", embedder=WordEmbedder(), threshold=0.0
    ) as opened:
        opened.sync()
        yield opened


# ---- the bundled questions --------------------------------------------------------------------


def test_the_bundled_questions_are_many_of_every_kind_and_about_the_interview():
    questions = bundled().questions
    assert len(questions) >= 150
    assert {question.kind for question in questions} == KINDS
    assert sum("galuzin-csto-tass.txt" in q.article_ids for q in questions) >= 25
    assert len({question.id for question in questions}) == len(questions)
    assert len({question.text for question in questions}) == len(questions)


def test_evidence_stands_in_its_articles_and_answers_are_known():
    texts = {
        path.name: squeezed(read_article(path, BUNDLED_CORPUS, max_bytes=1 << 20).text)
        for path in BUNDLED_CORPUS.iterdir()
        if path.is_file()
    }
    for question in bundled().questions:
        if not question.answerable:
            assert (question.answers, question.article_ids, question.evidence) == (
                (),
                frozenset(),
                (),
            )
            continue
        assert question.answers, question.id
        assert question.evidence, question.id
        for evidence in question.evidence:
            assert any(squeezed(evidence) in texts[i] for i in question.article_ids), question.id
        if question.kind == "follow-up":
            assert question.history
            assert question.standalone


# ---- data sets --------------------------------------------------------------------------------


@pytest.mark.parametrize("gzipped", [True, False], ids=["gzip", "plain"])
def test_a_data_set_becomes_article_files_once(tmp_path, gzipped):
    folder = write_dataset(tmp_path / "set", gzipped=gzipped)
    first = load(folder, tmp_path / "cache")
    files = {p: p.stat().st_mtime_ns for p in first.corpus.rglob("*.txt")}
    assert len(files) == 3
    again = load(folder, tmp_path / "cache")
    assert {p: p.stat().st_mtime_ns for p in again.corpus.rglob("*.txt")} == files
    changed = write_dataset(
        tmp_path / "set", [*ARTICLES, {"_id": "x", "text": "More."}], gzipped=gzipped
    )
    assert load(changed, tmp_path / "cache").corpus != first.corpus


def test_the_digest_is_of_the_content_not_of_its_compression(tmp_path):
    digests = {
        load(
            write_dataset(tmp_path / str(zipped), gzipped=zipped), tmp_path / "cache"
        ).questions_digest
        for zipped in (True, False)
    }
    assert len(digests) == 1


def test_a_sample_is_the_same_at_every_run(tmp_path):
    many = [{"_id": str(n), "text": f"Q{n}?", "kind": "fact"} for n in range(100)]
    folder = write_dataset(tmp_path / "set", questions=many)
    samples = [[q.id for q in load(folder, tmp_path / "c", limit=10).questions] for _ in range(2)]
    assert samples[0] == samples[1]
    assert len(samples[0]) == 10


@pytest.mark.parametrize("broken", ["not json", '{"text": "no id"}', "[1]"])
def test_a_broken_line_is_named(tmp_path, broken):
    folder = write_dataset(tmp_path / "set")
    (folder / "questions.jsonl").write_text('{"_id": 1, "text": "ok", "kind": "fact"}\n' + broken)
    with pytest.raises(AssistantError, match=r"questions\.jsonl:2"):
        load(folder, tmp_path / "cache")
    with pytest.raises(AssistantError, match="holds no"):
        load(tmp_path, tmp_path / "cache")


def test_evidence_in_other_words_gives_way_to_the_answer_in_the_gold_article(small):
    by_id = {question.id: question for question in small.questions}
    assert by_id["1"].gold == {"The ferry sails at noon."}
    assert by_id["2"].gold == {ANSWER}
    (bridge,) = by_id["2"].article_ids
    assert by_id["2"].held(bridge, "It was opened in 1931.") == {ANSWER}
    assert by_id["2"].held("000/000000.txt", "It was opened in 1931.") == frozenset()


def test_a_sentence_cut_shorter_than_its_evidence_holds_it():
    question = Question("q", "?", "fact", ("x",), frozenset("a"), ("He said no. She said x.",))
    assert question.held("a", "She said x.")
    assert not question.held("a", "She said y.")


# ---- running ----------------------------------------------------------------------------------


def test_a_run_with_a_language_model_says_what_it_read_wrote_and_cost(small):
    from assistant import open_assistant

    with LLMServer(otherwise=LLMReply("The ferry sails at noon. [1]")) as service:
        chosen = {"llm": "openai-like", "llm_model": "scripted", "llm_url": service.url}
        with open_assistant(
            corpus=small.corpus,
            data=small.index / "i",
            embedder=WordEmbedder(),
            threshold=0.0,
            **chosen,
        ) as assistant:
            assistant.sync()
            run = evaluate(small, assistant=assistant, price=(2.0, 10.0))
    used = run["usage"]
    answers = used["answers"]
    assert used["model"] == "scripted"
    assert answers >= 2
    assert (used["prompt_tokens"], used["answer_tokens"]) == (120 * answers, 30 * answers)
    assert used["cost"] == pytest.approx(answers * (120 * 2.0 + 30 * 10.0) / 1e6)
    assert run["questions"][0]["answer"]["generation"]["model"] == "scripted"


def test_a_run_without_one_has_no_usage(small, assistant):
    assert "usage" not in evaluate(small, assistant=assistant)


def test_a_run_holds_measures_outcomes_and_answers(small, assistant, tmp_path):
    run = json.loads(save(evaluate(small, assistant=assistant), tmp_path / "runs").read_text())
    assert run["dataset"]["questions"] == 4
    assert set(run["summary"]) <= set(MEASURED)
    assert run["summary"]["article hit@1"] == {"mean": 1.0, "low": 1.0, "high": 1.0, "count": 3}
    assert run["summary"]["quote exactness"]["mean"] == 1.0
    assert run["summary"]["evidence cited"]["mean"] == 1.0
    assert run["summary"]["false-refusal rate"]["mean"] == 0.0
    assert run["summary"]["false-answer rate"]["mean"] == 1.0  # the threshold is 0
    assert run["summary"]["stand-alone MRR"]["count"] == 1
    ferry = run["questions"][0]
    assert ferry["outcome"] == "right"
    assert ferry["retrieved"][0]["gold"]
    assert ferry["measures"]["contains answer"] == 1.0
    citation = ferry["answer"]["citations"][0]
    start = citation["start"] - citation["context_start"]
    assert citation["context"][start:].startswith(citation["quote"])
    assert run["questions"][2]["outcome"] == "should have refused"
    assert run["latency"]["total"]["p50"] > 0


def test_retrieval_only_asks_no_answer(small, assistant):
    run = evaluate(small, assistant=assistant, retrieval_only=True)
    assert all(question["answer"] is None for question in run["questions"])
    assert "evidence cited" not in run["summary"]
    assert run["summary"]["evidence MRR"]["mean"] == 1.0


def test_a_refusing_assistant_is_charged_for_it(small):
    from assistant import open_assistant

    with open_assistant(
        corpus=small.corpus, data=small.index / "r", embedder=WordEmbedder(), threshold=1.0
    ) as assistant:
        assistant.sync()
        run = evaluate(small, assistant=assistant)
    assert run["summary"]["false-refusal rate"]["mean"] == 1.0
    assert run["summary"]["evidence cited"]["mean"] == 0.0
    assert [q["outcome"] for q in run["questions"]] == [
        "should have answered",
        "should have answered",
        "rightly refused",
        "should have answered",
    ]


def test_each_configuration_has_an_index_of_its_own(small):
    with open_dataset(small, {"passage_words": 60}) as one, open_dataset(small) as two:
        assert one.settings.data_folder != two.settings.data_folder
        assert len(one.articles()) == len(two.articles()) == 3


# ---- comparing, the gate ----------------------------------------------------------------------


def test_two_runs_are_compared_question_by_question(small, assistant):
    before = evaluate(small, assistant=assistant)
    after = json.loads(json.dumps(before))
    after["questions"][0]["outcome"] = "should have answered"
    after["questions"][0]["answer"]["answered"] = False
    after["questions"][0]["measures"]["evidence cited"] = 0.0
    after["questions"][2]["outcome"] = "rightly refused"
    after["questions"][2]["answer"]["answered"] = False
    after["questions"][2]["answer"]["confidence"] = 0.0
    before["questions"][2]["answer"]["confidence"] = 1.0
    after["questions"].pop()
    found = compare(before, after)
    assert found.differences["refusal AUROC"].difference == 1.0
    assert compare(before, before).differences["refusal AUROC"].difference == 0.0
    cited = found.differences["evidence cited"]
    assert (cited.wins, cited.losses, cited.ties) == (0, 1, 1)
    assert cited.difference == -0.5
    assert found.differences["false-refusal rate"].difference == 0.5
    assert found.differences["false-answer rate"].difference == -1.0
    assert [flip.id for flip in found.lost] == ["1"]
    assert [flip.id for flip in found.gained] == ["3"]
    assert found.only_in_one == 1


def test_the_gate_fails_on_a_measure_below_its_floor_and_on_a_moved_digest(small, assistant):
    run = evaluate(small, assistant=assistant)
    baseline = gate.baseline_of(run)
    assert gate.failures(run, baseline) == []
    worse = json.loads(json.dumps(run))
    worse["summary"]["evidence MRR"]["mean"] -= 0.5
    worse["summary"]["false-refusal rate"]["mean"] += 0.5
    worse["dataset"]["questions_digest"] = "other"
    del worse["summary"]["token F1"]
    problems = " ".join(gate.failures(worse, baseline))
    for word in ("evidence MRR", "false-refusal rate", "questions changed", "token F1"):
        assert word in problems
    better = json.loads(json.dumps(run))
    better["summary"]["false-answer rate"]["mean"] -= 0.5
    assert gate.failures(better, baseline) == []


def test_the_committed_baseline_is_of_the_committed_corpus_and_questions():
    known, baseline = bundled(), gate.read_baseline()
    assert baseline["corpus_digest"] == known.corpus_digest
    assert baseline["questions_digest"] == known.questions_digest
    assert set(baseline["floors"]) == set(gate.GATED)
    assert baseline["floors"]["quote exactness"] == {"floor": 1.0, "noise": 0.0}


# ---- the commands -----------------------------------------------------------------------------


def command(*arguments, fresh=False):
    process = subprocess.run if fresh else fork_server.run
    line = [sys.executable, "-m", "eval", *map(str, arguments)]
    return process(line, capture_output=True, text=True)


@pytest.mark.slow
def test_a_person_runs_compares_and_reports(tmp_path):
    folder = write_dataset(tmp_path / "small")
    where = ["--dataset", folder, "--cache", tmp_path / "c", "--runs", tmp_path / "runs"]
    done = command("run", *where, "--set", "threshold=0.1", fresh=True)
    assert done.returncode == 0, done.stderr
    assert "evidence MRR" in done.stdout
    assert "4/4" in done.stderr  # the progress bar
    (run,) = (tmp_path / "runs").glob("*.json")
    assert run.with_suffix(".html").exists()
    compared = command("compare", run, run)
    assert "gained: 0" in compared.stdout
    kept = tmp_path / "results.json"
    for _ in range(2):
        assert command("keep", run, "--results", kept).returncode == 0
    assert list(json.loads(kept.read_text())) == ["small"]
    assert "ferry" not in kept.read_text()
    run.with_suffix(".html").unlink()
    assert command("report", run).returncode == 0
    assert "The ferry sails at noon." in run.with_suffix(".html").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments, said",
    [
        (["run", "--dataset", "nowhere"], "nowhere"),
        (["run", "--set", "threshold"], "KEY=VALUE"),
        (["run", "--set", "nonsense=1"], "nonsense"),
        (["run", "--judge", "nowhere:llm"], "nowhere:llm"),
        (["report", "nowhere.json"], "nowhere.json"),
    ],
)
def test_a_mistake_is_one_line(arguments, said):
    done = command(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_page_of_an_installed_program_names_no_command_that_is_not_there(tmp_path):
    (tmp_path / "assistant").symlink_to(Path(assistant_package.__file__).parent)
    (tmp_path / "broken.json").write_text("{")
    code = (
        "from pathlib import Path\nfrom assistant.web.evaluation import no_run\n"
        "from assistant.web.runs import read_run\nprint(no_run())\n"
        "try: read_run(Path('broken.json'))\nexcept Exception as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[0] == "No evaluation has been run yet."
    assert done.stdout.splitlines()[1].endswith("broken.json: is not JSON; remove the file")


@pytest.mark.slow
def test_every_command_teaches_by_example():
    for name in main.commands:
        if name != "bundled":
            assert "python -m eval" in command(name, "--help").stdout, name


def test_reviewed_feedback_is_adopted_by_the_command(tmp_path):
    questions = list(read_records(BUNDLED_QUESTIONS))
    (tmp_path / "inbox.jsonl").write_text("")
    done = command("adopt", "--inbox", tmp_path / "inbox.jsonl")
    assert done.stdout.startswith("0 questions adopted")
    assert list(read_records(BUNDLED_QUESTIONS)) == questions


# ---- the judge --------------------------------------------------------------------------------


class Agreeable(CustomLLM):
    """A model that finds everything faithful, and right by four points of five."""

    @property
    def metadata(self):
        return LLMMetadata(model_name="agreeable")

    def complete(self, prompt, formatted=False, **kwargs):
        return CompletionResponse(text="YES" if "YES" in prompt else "4.0\nFair.")

    def stream_complete(self, prompt, formatted=False, **kwargs):
        yield self.complete(prompt)


def test_a_language_model_may_judge_answers(small, assistant):
    from eval.judge import llm_judge

    run = evaluate(small, assistant=assistant, judge=llm_judge(f"{__name__}:Agreeable"))
    assert run["summary"]["judged faithfulness"]["mean"] == 1.0
    correctness = {"mean": 0.75, "low": 0.75, "high": 0.75, "count": 1}
    assert run["summary"]["judged correctness"] == correctness
