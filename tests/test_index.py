"""Adding, changing, moving and removing articles, in one process and across two."""

import subprocess
import sys

import pytest

from assistant.errors import ArticleError, CorpusError
from assistant.store.full_text import LexicalIndex
from assistant.text.tokens import stem

from .conftest import WordEmbedder
from .fork_server import Forked

STORY = "Title of {0}\n\nThe {0} bridge was opened on Monday. It is long and made of steel.\n"


def kinds(plan):
    return {change.path: change.kind for change in plan.changes}


def finds(assistant, word):
    """Whether passages with the word are among the candidates of a question for it."""
    passages = assistant.ask(f"Where is the {word} bridge?").passages
    found = [scored for scored in passages if word in scored.passage.text]
    return any(s.lexical_rank for s in found) and any(s.dense_rank for s in found)


def test_a_plan_says_what_a_sync_then_does(folder):
    for name in ("alpha", "beta", "gamma"):
        folder.write(f"{name}.txt", STORY.format(name))
    with folder.open() as assistant:
        assert set(kinds(assistant.plan()).values()) == {"new"}
        assert assistant.articles() == []
        assistant.sync()
        assert assistant.plan().empty
        folder.write("beta.txt", STORY.format("betamax"))
        (folder.root / "gamma.txt").rename(folder.root / "delta.txt")
        (folder.root / "alpha.txt").unlink()
        folder.write("new.md", "---\ntitle: New\n---\nThe newest bridge.")
        expected = {
            "alpha.txt": "removed",
            "beta.txt": "changed",
            "delta.txt": "moved",
            "new.md": "new",
        }
        assert kinds(assistant.sync()) == expected
        assert {article.id for article in assistant.articles()} == {
            "beta.txt",
            "delta.txt",
            "new.md",
        }
        assert finds(assistant, "betamax")
        assert finds(assistant, "gamma")
        assert not finds(assistant, "alpha")
        assert assistant.plan().empty


def test_nothing_is_embedded_twice(folder):
    folder.write("a.txt", STORY.format("alpha"))
    embedder = WordEmbedder()
    with folder.open(embedder=embedder) as assistant:
        assistant.sync()
        embedder.encoded.clear()
        assistant.sync()
        (folder.root / "a.txt").touch()
        assistant.sync()
        (folder.root / "a.txt").rename(folder.root / "b.txt")
        assistant.sync()
        assert embedder.encoded == []


def test_adding_twice_is_a_no_op_and_a_changed_file_replaces_its_article(folder, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    story = outside / "story.txt"
    story.write_text(STORY.format("alpha"))
    with folder.open() as assistant:
        assert kinds(assistant.add([story])) == {"story.txt": "new"}
        assert kinds(assistant.add([story])) == {"story.txt": "unchanged"}
        copy = outside / "copy.txt"
        copy.write_text(story.read_text())
        assert kinds(assistant.add([copy])) == {"story.txt": "unchanged"}
        story.write_text(STORY.format("omega"))
        assert kinds(assistant.add([story])) == {"story.txt": "changed"}
        assert finds(assistant, "omega")
        assert not finds(assistant, "alpha")
        assert len(assistant.articles()) == 1


@pytest.mark.parametrize("sources", [[["one"], ["two"]], [["one", "two"]]])
def test_another_file_of_the_same_name_does_not_overwrite(folder, tmp_path, sources):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "story.txt").write_text(STORY.format(name))
    with folder.open() as assistant:
        for some in sources:
            assistant.add([tmp_path / name for name in some])
        found = {a.path: assistant.article(a.id).text for a in assistant.articles()}
    assert found.keys() == {"story.txt", "story-2.txt"}
    assert sorted("one" in text for text in found.values()) == [False, True]


def test_pasted_text_is_an_article_until_it_is_removed(folder):
    with folder.open() as assistant:
        change = assistant.add_text("The omega bridge fell.", title="Fall", published="2024-05-01")
        assert (change.kind, change.article_id) == ("new", "fall.txt")
        assert (
            assistant.add_text("The omega bridge fell.", title="Fall", published="2024-05-01").kind
            == "unchanged"
        )
        assert finds(assistant, "omega")
        aside = assistant.remove("fall.txt")
        assert "omega" in aside.read_text()
        assert not (folder.root / "fall.txt").exists()
        assert assistant.articles() == []
        assert assistant.plan().changes == ()


@pytest.mark.parametrize("text, published", [("", ""), ("...", ""), ("Words", "soon")])
def test_a_paste_that_is_no_article_is_refused(folder, text, published):
    with folder.open() as assistant:
        with pytest.raises(ArticleError):
            assistant.add_text(text, title="T", published=published)
        assert list(folder.root.glob("*.txt")) == []


def test_an_unknown_id_is_named(folder):
    with folder.open() as assistant:
        for act in (assistant.article, assistant.remove, assistant.passages):
            with pytest.raises(CorpusError, match="nowhere"):
                act("nowhere.txt")


def test_bad_files_are_named_and_the_rest_is_indexed(folder):
    folder.write("good.txt", STORY.format("alpha"))
    folder.write("empty.txt", "")
    folder.write("binary.txt", b"\x00\x01")
    folder.write("broken.md", "---\ntitle: [\n---\ntext")
    folder.write("one.md", "---\nurl: https://x.example/a\n---\nThe first text.")
    folder.write("two.md", "---\nurl: https://x.example/a\n---\nThe second text.")
    with (folder.root / "huge.txt").open("wb") as huge:
        huge.truncate(200 << 20)
    (folder.root / "dangling.txt").symlink_to("nowhere")
    with folder.open() as assistant:
        plan = assistant.sync()
        failed = {change.path: change.error for change in plan.failures}
        names = "empty.txt binary.txt broken.md two.md huge.txt dangling.txt"
        assert set(failed) == set(names.split())
        for path, error in failed.items():
            assert error.startswith(path)
            assert ";" in error
        assert {a.path for a in assistant.articles()} == {"good.txt", "one.md"}


def test_a_file_that_breaks_keeps_its_indexed_version(folder):
    folder.write("a.txt", STORY.format("alpha"))
    with folder.open() as assistant:
        assistant.sync()
        folder.write("a.txt", b"\x00")
        assert len(assistant.sync().failures) == 1
        assert finds(assistant, "alpha")


def test_a_missing_corpus_folder_removes_nothing(folder):
    folder.write("a.txt", STORY.format("alpha"))
    data = folder.root.parent / "data"
    with folder.open(data=data) as assistant:
        assistant.sync()
        folder.root.rename(folder.root.with_name("elsewhere"))
        with pytest.raises(CorpusError, match="no such folder"):
            assistant.sync()
        assert len(assistant.articles()) == 1


def test_another_model_needs_no_indexing_again_and_answers_meanwhile(folder):
    folder.write("a.txt", STORY.format("alpha"))
    with folder.open() as assistant:
        assistant.sync()
    with folder.open(embedder=WordEmbedder("words-other")) as assistant:
        assert assistant.ask("Where is the alpha bridge?").passages
        assert kinds(assistant.sync()) == {"a.txt": "unchanged"}
        assert finds(assistant, "alpha")


@pytest.mark.parametrize("held", [0, 60, 10_000_000])
def test_what_changes_between_plan_and_indexing_is_left_to_the_next_sync(folder, monkeypatch, held):
    """Of many articles a plan holds only the first, and the others' files are read again."""
    monkeypatch.setattr("assistant.corpus.plan.KEPT_CHARACTERS", held)
    for name in ("alpha", "beta", "gamma", "delta"):
        folder.write(f"{name}.txt", STORY.format(name))

    def change(plan):
        folder.write("beta.txt", STORY.format("betamax"))
        folder.write("gamma.txt", b"\x00")
        (folder.root / "delta.txt").unlink()

    with folder.open() as assistant:
        assistant.sync(show=change)
        assert finds(assistant, "alpha")
        assert not finds(assistant, "betamax")
        expected = {"alpha.txt": "unchanged", "gamma.txt": "failed"}
        changed = "changed" if finds(assistant, "beta") else "new"
        assert expected.items() <= kinds(assistant.sync()).items()
        assert finds(assistant, "betamax")
        assert not finds(assistant, "delta")
        assert changed == ("new" if held < 200 else "changed")


def test_a_folder_that_is_renamed_moves_its_articles(folder):
    for name in range(30):
        folder.write(f"old/{name}.txt", STORY.format("same" if name < 10 else f"own{name}"))
    embedder = WordEmbedder()
    with folder.open(embedder=embedder) as assistant:
        assistant.sync()
        embedder.encoded.clear()
        (folder.root / "old").rename(folder.root / "new")
        assert set(kinds(assistant.sync()).values()) == {"moved"}
        assert {a.path for a in assistant.articles()} == {f"new/{name}.txt" for name in range(30)}
        assert embedder.encoded == []
        assert assistant.plan().empty


def test_progress_is_of_the_work_and_not_of_the_articles(folder):
    folder.write("a.txt", STORY.format("alpha") * 400)
    for name in range(300):
        folder.write(f"b{name}.txt", STORY.format(name))
    steps = []
    with folder.open() as assistant:
        assistant.sync(progress=steps.append)
    assert [step.done for step in steps] == sorted({step.done for step in steps})
    assert (steps[-1].done, steps[-1].total, steps[-1].share) == (301, 301, 1.0)
    assert steps[0].share > steps[0].done / steps[0].total + 0.1
    assert all(0 < step.share <= 1 for step in steps)


OTHER = """
import sys
from pathlib import Path
from tests.conftest import Folder
from tests.test_index import STORY, finds
folder = Folder(Path(sys.argv[1]))
with folder.open() as assistant:
    for line in sys.stdin:
        act, word = line.split()
        if act == "add":
            folder.write(f"{word}.txt", STORY.format(word))
            assistant.sync()
        elif act == "remove":
            assistant.remove(f"{word}.txt")
        elif act == "chroma":
            assistant.warm()
        print(finds(assistant, word), flush=True)
"""


@pytest.fixture
def other(folder):
    """A second process over the same corpus: `other("add", word)` tells whether it finds it."""
    process = Forked(
        [sys.executable, "-c", OTHER, str(folder.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def act(what, word):
        process.stdin.write(f"{what} {word}\n")
        process.stdin.flush()
        return process.stdout.readline().strip() == "True"

    yield act
    process.stdin.close()
    process.wait(30)
    process.stdout.close()


@pytest.mark.slow
@pytest.mark.parametrize("chroma_owner", ["here", "there"])
def test_what_one_process_changes_the_other_sees_at_its_next_question(folder, other, chroma_owner):
    folder.write("first.txt", STORY.format("first"))
    with folder.open() as assistant:
        assistant.sync()
        if chroma_owner == "there":
            assistant.close()
    if chroma_owner == "there":
        assert other("chroma", "first")
    with folder.open() as assistant:
        assistant.warm()
        assert finds(assistant, "first")
        assert other("add", "alpha")
        assert finds(assistant, "alpha")
        assistant.add_text("The beta bridge was opened.", title="beta")
        assert other("ask", "beta")
        assistant.remove("beta.txt")
        assert not other("ask", "beta")
        assert not other("remove", "alpha")
        assert not finds(assistant, "alpha")
        assert finds(assistant, "first")
        assert other("ask", "first")


def test_stems_equal_those_of_the_full_text_index(folder):
    words = (
        "relational conditional rational valency hesitancy digitizer radically differently vileness "
        "analogously vietnamization predication operator feudalism decisiveness hopefulness "
        "callousness formality sensitivity sensibility triplicate formative formalize electricity "
        "electrical hopeful goodness revival allowance inference airliner gyroscopic adjustable "
        "ponies ties caress cats feed agreed plastered motoring sing happy sky missions countries "
        "intelligence monitoring naïve résumé café 2024 a1 eu"
    )
    folder.write("a.txt", words)
    with folder.open() as assistant:
        assistant.sync()
        lexical = LexicalIndex(assistant._store)  # two tokenizers must agree
        wanted = [stem(word) for word in words.replace("ï", "i").replace("é", "e").split()]
        assert [s for s, count in lexical.document_frequencies(wanted).items() if not count] == []
