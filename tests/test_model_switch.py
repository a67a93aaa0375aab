"""Another embedding model: its vectors are made beside the old ones, which answer meanwhile."""

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import Whitespace

from assistant.doctor import examine
from assistant.models.embedding import SentenceEmbedder
from assistant.settings import load_settings
from assistant.store.embeddings import AnsweringModel
from assistant.store.store import Store

from .conftest import Folder, WordEmbedder
from .fork_server import Forked

pytestmark = pytest.mark.slow

STORIES = 300
"""Of a passage each: two batches."""

TABLES = Path(__file__).parent.parent / "assistant" / "store" / "sql"
NAMES = [f"name{number}" for number in range(STORIES)]


def story(name):
    return f"Title of {name}\n\nThe {name} bridge was opened on Monday. It is made of steel.\n"


def make_model(folder, dimension):
    """A real model that is small: a vector of random numbers for each word of the stories."""
    words = [*NAMES, *"title of the bridge was opened on monday it is made steel where".split()]
    words += ["alpha", "omega"]
    tokens = Tokenizer(WordLevel({w: i for i, w in enumerate(["?", *words])}, unk_token="?"))
    tokens.normalizer, tokens.pre_tokenizer = Lowercase(), Whitespace()
    weights = np.random.default_rng(dimension).standard_normal((len(words) + 1, dimension))
    module = StaticEmbedding(tokens, embedding_weights=weights.astype(np.float32))
    SentenceTransformer(modules=[module], device="cpu").save(str(folder))
    return folder


@pytest.fixture(scope="module")
def kept_models(tmp_path_factory):
    """Two models whose vectors differ in length."""
    kept = tmp_path_factory.mktemp("models") / "kept"
    return make_model(kept / "old", 48), make_model(kept / "new", 80)


def restore(kept_models):
    """Copies of the models, always in the same place: an index names the folder of its model."""
    place = kept_models[0].parent.parent
    for kept in kept_models:
        shutil.rmtree(place / kept.name, ignore_errors=True)
        shutil.copytree(kept, place / kept.name)
    return place / "old", place / "new"


@pytest.fixture
def models(kept_models):
    """The two models, which a test may spoil."""
    return restore(kept_models)


@dataclass
class Watched:
    """A model that says what it encodes, and may be interrupted."""

    folder: Path
    before: Callable[[int], object] = lambda batch: None
    """Called with the count of the batches before each batch of passages."""
    encoded: list[str] = field(default_factory=list)
    precision: str = "float32"

    def __post_init__(self):
        self.name = str(self.folder)
        self._model = SentenceEmbedder(self.name, "float32")
        self.fingerprint = self._model.fingerprint
        self._batches = 0

    def encode(self, texts):
        if len(texts) > 1:
            self.before(self._batches)
            self._batches += 1
            self.encoded += texts
        return self._model.encode(texts)


def opened(folder, model, **chosen):
    return folder.open(embedder=Watched(model, **chosen))


def cosines(assistant, word):
    """The articles nearest to a question, with their cosines: they tell which model answered."""
    found = assistant.retrieve(f"Where is the {word} bridge?", 5)
    return {s.passage.article_id: round(s.dense_score, 3) for s in found if s.dense_rank}


@pytest.fixture(scope="module")
def indexed_once(tmp_path_factory, kept_models):
    """A corpus that the old model has indexed, and how each of both models answers."""
    old, new = restore(kept_models)
    folder = Folder(tmp_path_factory.mktemp("indexed") / "articles")
    for name in NAMES:
        folder.write(f"{name}.txt", story(name))
    with opened(folder, old) as assistant:
        assistant.sync()
        by_old = cosines(assistant, "name7")
    with folder.open(embedder=Watched(new), data=folder.root.parent / "apart") as assistant:
        assistant.sync()
        by_new = cosines(assistant, "name7")
    assert by_old != by_new
    return folder.root, by_old, by_new


@pytest.fixture
def indexed(folder, models, indexed_once):
    """A copy of it."""
    root, folder.by_old, folder.by_new = indexed_once
    shutil.copytree(root, folder.root, dirs_exist_ok=True)
    return folder


def test_the_old_model_answers_until_the_new_one_has_all_vectors(indexed, models):
    seen = []
    with opened(indexed, models[1]) as other:

        def look(_batch):
            seen.append(cosines(other, "name7"))

        with opened(indexed, models[1], before=look) as assistant:
            assert cosines(assistant, "name7") == indexed.by_old
            plan = assistant.plan()
            assert (len(plan.of("unchanged")), plan.lacking, plan.empty) == (
                STORIES,
                STORIES,
                False,
            )
            assert "300 passages to embed" in plan.summary()
            assistant.sync()
            assert cosines(assistant, "name7") == indexed.by_new
            assert assistant.plan().empty
        assert seen == [indexed.by_old] * 2
        assert cosines(other, "name7") == indexed.by_new


def test_chroma_is_built_anew_for_the_new_model(indexed, models):
    with opened(indexed, models[0]) as assistant:
        assistant.warm()
    with opened(indexed, models[1]) as assistant:
        assistant.warm()
        before = {path.name for path in (indexed.root / ".assistant/chroma").iterdir()}
        assert cosines(assistant, "name7") == indexed.by_old
        assistant.sync()
        assert cosines(assistant, "name7") == indexed.by_new
        assistant.warm()
        assert cosines(assistant, "name7") == indexed.by_new
        assert before.isdisjoint(p.name for p in (indexed.root / ".assistant/chroma").iterdir())
        assert assistant.mend_chroma() == []


def test_a_process_with_the_old_settings_goes_along_and_does_not_switch_back(indexed, models):
    with opened(indexed, models[0]) as old:
        assert cosines(old, "name7") == indexed.by_old
        with opened(indexed, models[1]) as new:
            new.sync()
        assert cosines(old, "name7") == indexed.by_new
        indexed.write("alpha.txt", story("alpha"))
        plan = old.sync()
        assert (plan.lacking, [change.path for change in plan.of("new")]) == (0, ["alpha.txt"])
        assert cosines(old, "name7") == indexed.by_new
        assert "alpha.txt" in cosines(old, "alpha")
    with opened(indexed, models[0]) as reopened:
        assert reopened.plan().lacking == STORIES + 1


def test_what_is_added_changed_or_removed_meanwhile_is_right_under_both(indexed, models):
    with opened(indexed, models[1]) as other:

        def change(batch):
            if batch == 1:
                other.add_text("The alpha bridge was opened.", title="alpha")
                indexed.write("name3.txt", story("omega"))
                indexed.write("name4.txt", "")
                other.remove("name5.txt")
                other.add([indexed.root / "name3.txt", indexed.root / "name4.txt"])
                check()

        def check():
            assert "alpha.txt" in cosines(other, "alpha")
            assert "name3.txt" in cosines(other, "omega")
            assert "name4.txt" in cosines(other, "name4")  # what fails keeps its version
            assert "name5.txt" not in cosines(other, "name5")

        with opened(indexed, models[1], before=change) as assistant:
            assistant.sync()
            assert assistant.plan().lacking == 0
            assert assistant.mend_vectors() == 0
        check()
        assert cosines(other, "name7") == indexed.by_new


SWITCH = """
import json, sys
from pathlib import Path
from tests.conftest import Folder
from tests.test_model_switch import Watched
log = open(sys.argv[3], "a")
def before(batch):
    if batch == 1:
        log.write(json.dumps(embedder.encoded))
        log.close()
        print("in the second batch", flush=True)
        sys.stdin.readline()
embedder = Watched(Path(sys.argv[2]), before)
with Folder(Path(sys.argv[1])).open(embedder=embedder) as assistant:
    assistant.sync()
"""


def stopped_by(signal_, folder, model, log):
    """A sync in its second batch, ended by a signal; the texts that it had encoded before."""
    process = Forked(
        [sys.executable, "-c", SWITCH, str(folder.root), str(model), str(log)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "in the second batch\n"
    process.send_signal(signal_)
    process.communicate(timeout=60)
    assert process.returncode
    return json.loads(log.read_text())


@pytest.mark.parametrize("ended", [signal.SIGKILL, signal.SIGINT])
def test_a_switch_that_is_killed_or_stopped_goes_on_and_embeds_nothing_twice(
    indexed, models, tmp_path, ended
):
    first = stopped_by(ended, indexed, models[1], tmp_path / "encoded")
    embedder = Watched(models[1])
    with indexed.open(embedder=embedder) as assistant:
        assert cosines(assistant, "name7") == indexed.by_old
        assert 0 < assistant.plan().lacking == STORIES - len(first)
        assistant.sync()
        second = embedder.encoded
        assert len(first) + len(second) == len({*first, *second}) == STORIES
        assert cosines(assistant, "name7") == indexed.by_new


def test_a_first_sync_that_is_stopped_goes_on(folder, models, tmp_path):
    for name in NAMES:
        folder.write(f"{name}.txt", story(name))
    first = stopped_by(signal.SIGINT, folder, models[0], tmp_path / "encoded")
    embedder = Watched(models[0])
    with folder.open(embedder=embedder) as assistant:
        assert len(assistant.articles()) == len(first) > 0
        assistant.sync()
        second = embedder.encoded
        assert len(first) + len(second) == len({*first, *second}) == STORIES


def test_a_switch_in_the_background_ends_with_its_process_and_goes_on_later(indexed, models):
    second, go_on = threading.Event(), threading.Event()

    def wait(batch):
        if batch == 1:
            second.set()
            assert go_on.wait(60)

    first = Watched(models[1], before=wait)
    with indexed.open(embedder=first) as assistant:
        assistant.warm()
        assistant.sync(background=True)
        assert second.wait(60)
        assert "256 of 300 passages for the new model" in assistant.status()
        assert cosines(assistant, "name7") == indexed.by_old
        go_on.set()
    last = Watched(models[1])
    with indexed.open(embedder=last) as assistant:
        assistant.sync()
        assert sorted(first.encoded + last.encoded) == sorted({*first.encoded, *last.encoded})
        assert cosines(assistant, "name7") == indexed.by_new


def gone(folder, models):
    shutil.rmtree(models[0])


def damaged(folder, models):
    (models[0] / "model.safetensors").write_bytes(b"no weights")


def brought(folder, models):
    """The articles were embedded by an object of some program, which has no name."""
    with folder.open(embedder=WordEmbedder()) as assistant:
        assistant.sync()


@pytest.mark.parametrize("lost", [gone, damaged, brought])
def test_without_the_old_model_words_answer_and_the_person_is_told(indexed, models, lost):
    lost(indexed, models)
    with opened(indexed, models[1]) as assistant:
        answer = assistant.ask("Where is the name7 bridge?")
        assert answer.passages[0].passage.article_id == "name7.txt"
        assert "cannot be loaded" in answer.notice
        assert "assistant sync" in answer.notice
        assert "cannot be loaded" in assistant.status()
        indexed.write("alpha.txt", story("alpha"))
        assistant.add([indexed.root / "alpha.txt"])
        assert assistant.ask("Where is the alpha bridge?").passages[0].dense_rank == 1
        assistant.sync()
        assert cosines(assistant, "name7") == indexed.by_new
        assert "cannot" not in assistant.ask("Where is the name7 bridge?").notice
        assert "cannot" not in assistant.status()


def test_the_doctor_switches_to_the_model_of_the_settings(indexed, models):
    settings = load_settings(corpus=indexed.root, embedding_model=str(models[1]))
    found = {finding.part: finding for finding in examine(settings)}
    assert all(finding.ok for finding in found.values())
    assert found["corpus"].mended
    assert all(finding.ok and not finding.mended for finding in examine(settings))
    with opened(indexed, models[1]) as assistant:
        assert cosines(assistant, "name7") == indexed.by_new


def test_a_model_is_found_again_from_another_working_folder(indexed, models, monkeypatch):
    monkeypatch.chdir(models[1].parent)
    with opened(indexed, Path("new")) as assistant:
        assistant.sync()
    monkeypatch.chdir("/")
    with opened(indexed, models[0]) as assistant:
        assert cosines(assistant, "name7") == indexed.by_new


def test_an_emptied_index_takes_the_model_of_the_settings(folder, models):
    folder.write("alpha.txt", story("alpha"))
    with opened(folder, models[0]) as assistant:
        assistant.sync()
        assistant.remove("alpha.txt")
    with opened(folder, models[1]) as assistant:
        folder.write("omega.txt", story("omega"))
        assert assistant.sync().lacking == 0
        assert "omega.txt" in cosines(assistant, "omega")
        assert assistant.model_problem() == ""


def test_cut_otherwise_and_back_embeds_nothing_again(folder):
    folder.write("a.txt", "\n\n".join(story(name) * 3 for name in NAMES[:10]))
    embedders = [WordEmbedder() for _ in range(3)]
    for embedder, words in zip(embedders, (150, 40, 150), strict=True):
        with folder.open(embedder=embedder, passage_words=words) as assistant:
            assert [change.path for change in assistant.sync().of("new", "changed")] == ["a.txt"]
            assert max(len(p.text.split()) for p in assistant.passages("a.txt")) <= words
    assert embedders[0].encoded
    assert embedders[1].encoded
    assert embedders[2].encoded == []


def test_what_was_removed_and_is_added_again_is_not_embedded_again(folder):
    folder.write("a.txt", story("alpha"))
    embedder = WordEmbedder()
    with folder.open(embedder=embedder) as assistant:
        assistant.sync()
        aside = assistant.remove("a.txt")
        embedder.encoded.clear()
        assistant.add([aside])
        assert len(assistant.articles()) == 1
        assert embedder.encoded == []


@pytest.mark.parametrize("keep, left", [(0, 0), (3 * 8 - 1, 2), (3 * 8, 3), (1 << 20, 5)])
def test_vectors_that_no_passage_has_are_kept_up_to_a_bound_the_last_made_first(
    tmp_path, keep, left
):
    store = Store(tmp_path)
    digests = [bytes([number]) * 16 for number in range(5)]
    vectors = np.eye(5, 4, dtype=np.float32)  # 4 numbers of 2 bytes each
    store.embeddings.put_vectors("m", digests, vectors)
    store.embeddings.forget_unused_vectors(keep)
    kept = store.embeddings.cached_vectors(digests, "m")
    assert list(kept) == digests[5 - left :]
    store.close()


def test_a_model_that_lacks_a_vector_is_not_switched_to(indexed, models):
    with opened(indexed, models[1]) as assistant:
        store = Store(indexed.root / ".assistant")
        assert not store.embeddings.switch(AnsweringModel("another"))
        assert cosines(assistant, "name7") == indexed.by_old
        store.close()


@pytest.mark.parametrize("older", [1, 2])
def test_an_upgraded_index_has_the_tables_of_a_new_one(tmp_path, older):
    new = Store(tmp_path / "new")
    expected = new.schema()
    new.close()
    (tmp_path / "old").mkdir()
    old = sqlite3.connect(tmp_path / "old" / "store.sqlite3")
    old.executescript((Path(__file__).parent / "format_1.sql").read_text())
    for version in range(1, older):
        old.executescript((TABLES / f"from_{version}.sql").read_text())
    old.execute("INSERT OR REPLACE INTO meta VALUES ('schema', ?)", (str(older),))
    old.commit()
    old.close()
    upgraded = Store(tmp_path / "old")
    assert upgraded.schema() == expected
    upgraded.close()


def test_an_index_of_format_1_keeps_its_vectors_and_its_model(folder):
    folder.write("alpha.txt", story("alpha"))
    with folder.open() as assistant:
        assistant.sync()
    path = folder.root / ".assistant" / "store.sqlite3"
    newer = path.rename(path.with_name("newer.sqlite3"))
    old = sqlite3.connect(path)
    old.executescript((Path(__file__).parent / "format_1.sql").read_text())
    old.executescript(f"""
        INSERT OR REPLACE INTO meta VALUES ('schema', '1'), ('generation', '7');
        ATTACH '{newer}' AS newer;
        INSERT INTO articles SELECT number, id, path, title, text, url, source, authors, published,
            language, words, digest, '1/150/words-1024', stamp, origin FROM newer.articles;
        INSERT INTO passages SELECT number, article, position, start, "end", heading, text, digest
            FROM newer.passages;
        INSERT INTO embeddings SELECT * FROM newer.embeddings;
    """)
    old.close()
    with folder.open(embedder=WordEmbedder("another")) as assistant:
        assert assistant.plan().lacking == 1
        assert "words-1024" in assistant.model_problem()
    embedder = WordEmbedder()
    with folder.open(embedder=embedder) as assistant:
        assert assistant.model_problem() == ""
        assert "alpha.txt" in cosines(assistant, "alpha")
        embedder.encoded.clear()
        assert [change.kind for change in assistant.sync().changes] == ["changed"]
        assert embedder.encoded == []
