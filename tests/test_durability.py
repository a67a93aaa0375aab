"""What a kill, a full disk or damaged files leave behind: nothing lost, nothing half, no ghosts."""

import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from assistant.doctor import examine
from assistant.errors import AssistantError
from assistant.settings import load_settings

from .conftest import Folder, WordEmbedder
from .fork_server import Forked

pytestmark = pytest.mark.slow

ARTICLES = 200
RANDOM_KILLS = 30
AIMED_KILLS = 30
NOBODY = 65534


def story(number, version):
    return (
        f"Story {number}\n\nThe harbour{number} report of version{version} was published.\n\n"
        + f"More about harbour{number} and version{version}. " * 60
    )


WRITER = """
import random, sys
from pathlib import Path
from tests.conftest import Folder
from tests.test_durability import ARTICLES, story
root, seed = Path(sys.argv[1]), int(sys.argv[2])
rng = random.Random(seed)
folder = Folder(root)
for number in range(ARTICLES):
    draw = rng.random()
    path = root / f"{number}.txt"
    if draw < 0.3:
        folder.write(path.name, story(number, seed))
    elif draw < 0.4:
        path.unlink(missing_ok=True)
with folder.open() as assistant:
    print("start", flush=True)
    assistant.sync()
    print("acknowledged", flush=True)
    assistant.warm()
print("closed", flush=True)
"""


def check(folder):
    """Every article wholly one version; found by both searches; nothing else is found."""
    with folder.open() as assistant:
        articles = {a.id: assistant.article(a.id) for a in assistant.articles()}
        for article_id, article in articles.items():
            passages = assistant.passages(article_id)
            for passage in passages:
                assert article.text[passage.start : passage.end] == passage.text
            number = article_id.removesuffix(".txt")
            versions = {w for p in passages for w in p.text.split() if w.startswith("version")}
            assert len({v.strip(".") for v in versions}) == 1
            if int(number) % 20 == 0:
                found = assistant.retrieve(f"harbour{number} report", 24)
                mine = [s for s in found if s.passage.article_id == article_id]
                assert any(s.lexical_rank for s in mine)
                assert any(s.dense_rank for s in mine)
                assert {s.passage.article_id for s in found} <= set(articles)
        return {article_id: article.text for article_id, article in articles.items()}


def write_and_kill(folder, seed, kill_at):
    """Runs a writer and kills it when `kill_at` says so; whether it had acknowledged."""
    writer = Forked(
        [sys.executable, "-c", WRITER, str(folder.root), str(seed)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout.readline() == "start\n"
    kill_at(writer)
    writer.send_signal(signal.SIGKILL)
    said = writer.stdout.read()
    writer.wait()
    writer.stdout.close()
    return "acknowledged" in said


def at_random(seed):
    rng = random.Random(seed)

    def wait(writer):
        # The instant of a kill, not a wait for something: a sync takes about half a second.
        time.sleep(rng.uniform(0, 0.9))

    return wait


def at_persist(folder, seed):
    """While Chroma's files are being written: the store has marked its folder as open."""
    chroma = folder.root / ".assistant" / "chroma"
    delay = random.Random(seed).uniform(0, 0.15)

    def stamps():
        found = {}
        for path in chroma.rglob("*"):
            try:
                found[path] = path.stat().st_mtime_ns
            except OSError:
                continue
        return found

    def wait(writer):
        before = stamps()
        while writer.poll() is None and stamps() == before:
            time.sleep(0.003)
        time.sleep(delay)

    return wait


@pytest.mark.parametrize("aim, kills", [("random", RANDOM_KILLS), ("persist", AIMED_KILLS)])
def test_a_killed_writer_leaves_every_article_whole(folder, aim, kills):
    for number in range(ARTICLES):
        folder.write(f"{number}.txt", story(number, 0))
    with folder.open() as assistant:
        assistant.sync()
        assistant.warm()
    for seed in range(1, kills + 1):
        kill_at = at_random(seed) if aim == "random" else at_persist(folder, seed)
        acknowledged = write_and_kill(folder, seed, kill_at)
        on_disk = {path.name for path in folder.root.glob("*.txt")}
        held = check(folder)
        if acknowledged:
            assert set(held) == on_disk
    embedder = WordEmbedder()
    with folder.open(embedder=embedder) as assistant:
        assistant.sync()
        assert assistant.plan().empty
        embedder.encoded.clear()
        assistant.sync()
        assert embedder.encoded == []
        assistant.warm()
        assert assistant.mend_chroma() == []
    assert set(check(folder)) == {path.name for path in folder.root.glob("*.txt")}


def truncate(path: Path):
    os.truncate(path, path.stat().st_size // 2)


def overwrite(path: Path):
    path.write_bytes(os.urandom(max(path.stat().st_size, 64)))


def chroma_files(folder):
    """Chroma's files that hold anything: half of an empty one is the same file."""
    found = (folder.root / ".assistant" / "chroma").rglob("*")
    return sorted(path for path in found if path.is_file() and path.stat().st_size)


@pytest.mark.parametrize("damage", [truncate, overwrite, Path.unlink])
def test_damaged_chroma_files_are_rebuilt_while_questions_are_answered(folder, damage):
    for number in range(40):
        folder.write(f"{number}.txt", story(number, 0))
    with folder.open() as assistant:
        assistant.sync()
        assistant.warm()
    files = chroma_files(folder)
    assert files
    for index in range(len(files)):
        present = chroma_files(folder)
        damage(present[index % len(present)])
        assert len(check(folder)) == 40
        with folder.open() as assistant:
            assert assistant.mend_chroma()
            assert assistant.mend_chroma() == []


def test_who_is_closed_while_it_fills_chroma_goes_on_there(folder, monkeypatch):
    from chromadb.api.models.Collection import Collection

    for number in range(150):
        folder.write(f"{number}.txt", story(number, 0))
    add, given, begun, closed = Collection.add, [], threading.Event(), threading.Event()

    def added(collection, ids, embeddings):
        add(collection, ids, embeddings)
        given.extend(ids)
        begun.set()
        assert closed.wait(60)

    monkeypatch.setattr(Collection, "add", added)
    with folder.open() as assistant:
        assistant.sync()
        passages = sum(a.passages for a in assistant.articles())
        warming = threading.Thread(target=assistant.warm)
        warming.start()
        assert begun.wait(60)
        closing = threading.Thread(target=assistant.close)
        closing.start()
        assert assistant._chroma._closing.wait(60)
        closed.set()
        warming.join()
        closing.join()
    assert 0 < len(given) < passages
    assert len(check(folder)) == 150
    with folder.open() as assistant:
        assistant.warm()
        assert assistant.mend_chroma() == []
        assert len(given) == len(set(given)) == passages
    assert len(check(folder)) == 150


def test_a_search_that_chroma_fails_is_answered_all_the_same_and_has_chroma_rebuilt(
    folder, monkeypatch
):
    from chromadb.api.models.Collection import Collection

    def fail(*_, **__):
        raise RuntimeError("broken")

    def answered():
        found = assistant.retrieve("harbour3 report", 5)
        return any(s.dense_rank and s.passage.article_id == "3.txt" for s in found)

    for number in range(5):
        folder.write(f"{number}.txt", story(number, 0))
    with folder.open() as assistant:
        assistant.sync()
        assistant.warm()
        before = {path.parent for path in chroma_files(folder)}
        with monkeypatch.context() as patched:
            patched.setattr(Collection, "query", fail)
            assert answered()
        assistant.warm()  # waits for the rebuild
        assert answered()
        assert before.isdisjoint({path.parent for path in chroma_files(folder)})
        assert assistant.mend_chroma() == []


def test_threads_that_have_ended_hold_no_files_open(folder):
    def open_files():
        return sum(1 for _ in Path("/dev/fd").iterdir())

    folder.write("a.txt", story(1, 0))
    with folder.open() as assistant:
        assistant.sync()
        before = open_files()
        for _ in range(20):
            thread = threading.Thread(target=assistant.languages)
            thread.start()
            thread.join()
        assert open_files() <= before + 2


def parts(findings):
    return {finding.part: (finding.ok, finding.mended) for finding in findings}


def test_the_doctor_finds_all_well_and_mends_what_is_not(folder):
    for number in range(5):
        folder.write(f"{number}.txt", story(number, 0))
    settings = load_settings(corpus=folder.root)
    assert parts(examine(settings, WordEmbedder()))["corpus"] == (True, True)
    assert all(f.ok and not f.mended for f in examine(settings, WordEmbedder()))
    overwrite(next(p for p in (folder.root / ".assistant/chroma").rglob("*") if p.is_file()))
    assert parts(examine(settings, WordEmbedder()))["chroma"] == (True, True)
    assert all(f.ok and not f.mended for f in examine(settings, WordEmbedder()))


@pytest.mark.parametrize("damage", [truncate, overwrite, Path.unlink])
def test_a_damaged_store_is_rebuilt_from_the_corpus_by_the_doctor(folder, damage):
    for number in range(60):
        folder.write(f"{number}.txt", story(number, 0))
    with folder.open() as assistant:
        assistant.sync()
    damage(folder.root / ".assistant" / "store.sqlite3")
    findings = examine(load_settings(corpus=folder.root), WordEmbedder())
    assert all(finding.ok for finding in findings)
    assert len(check(folder)) == 60


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0 or not Path("/bin/mount").exists(),
    reason="mounting a small disk needs root",
)
def test_a_full_disk_is_said_and_loses_nothing(folder, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this machine mounts no tmpfs")
    try:
        folder.write("0.txt", story(0, 0))
        with folder.open(data=disk / "data") as assistant:
            assistant.sync()
            for number in range(1, 400):
                folder.write(f"{number}.txt", story(number, 0))
            with pytest.raises(AssistantError, match="space"):
                assistant.sync()
            assert assistant.article("0.txt").text
        subprocess.run(["mount", "-o", "remount,size=200m", str(disk)], check=True)
        with folder.open(data=disk / "data") as assistant:
            assistant.sync()
            assert len(assistant.articles()) == 400
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.fixture
def no_privileges():
    """A folder in which root is nobody: permissions hold for everyone else."""
    with tempfile.TemporaryDirectory() as name:
        if os.geteuid():
            yield Path(name)
            return
        with Folder(Path(name)).open() as assistant:
            assistant.warm()  # nobody may not import what root's Python keeps to itself
        os.chown(name, NOBODY, NOBODY)
        os.seteuid(NOBODY)
        try:
            yield Path(name)
        finally:
            os.seteuid(0)


def test_a_folder_without_permission_is_named_and_its_articles_stay(no_privileges):
    (no_privileges / "articles").mkdir()
    folder = Folder(no_privileges / "articles")
    folder.write("closed/a.txt", story(1, 0))
    folder.write("b.txt", story(2, 0))
    with folder.open() as assistant:
        assistant.sync()
        (folder.root / "closed").chmod(0)
        folder.write("c.txt", story(3, 0))
        plan = assistant.sync()
        (folder.root / "closed").chmod(0o700)
        assert [(change.path, "permission" in change.error) for change in plan.failures] == [
            ("closed/", True)
        ]
        found = {article.id for article in assistant.articles()}
        assert found == {"closed/a.txt", "b.txt", "c.txt"}
