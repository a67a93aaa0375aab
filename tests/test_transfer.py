"""A corpus with its index in one file: out of one folder, into another; hostile files refused."""

import io
import json
import os
import sqlite3
import subprocess
import sys
import tarfile
from hashlib import blake2b
from pathlib import Path

import pytest

from assistant import import_corpus
from assistant.doctor import examine
from assistant.errors import AssistantError, CorpusError
from assistant.settings import load_settings

from .conftest import Folder, WordEmbedder
from .fork_server import Forked
from .test_cli import run
from .test_index import STORY, finds, kinds


@pytest.fixture
def exported(folder, tmp_path):
    """The archive of a corpus of three articles and one file that is none."""
    for name in ("a", "b/c", "ü"):
        folder.write(f"{name}.txt", STORY.format("bridge" + name[-1]))
    folder.write("empty.txt", "")
    with folder.open() as assistant:
        assistant.sync()
        assistant.remove(assistant.add_text("Gone.", title="gone").article_id)
        done = assistant.export(tmp_path / "corpus.tar")
    assert (done.articles, done.passages) == (3, 3)
    return tmp_path / "corpus.tar"


def imported(archive, there):
    import_corpus(archive, there, there / ".assistant")
    return Folder(there)


def test_what_is_imported_answers_and_nothing_is_embedded_again(exported, tmp_path):
    there = imported(exported, tmp_path / "new" / "place")
    embedder = WordEmbedder()
    with there.open(embedder=embedder) as assistant:
        assert kinds(assistant.plan()) == {
            "a.txt": "unchanged",
            "b/c.txt": "unchanged",
            "ü.txt": "unchanged",
            "empty.txt": "failed",
        }
        assistant.sync()
        assistant.warm()
        assert [text for text in embedder.encoded if text != "ready?"] == []
        assert finds(assistant, "bridgeü")
    found = {f.part: f for f in examine(load_settings(corpus=there.root), WordEmbedder())}
    assert [part for part, finding in found.items() if not finding.ok] == ["corpus"]  # empty.txt
    assert not any(finding.mended for finding in found.values())
    assert not (there.root / ".assistant" / "removed").exists()


def test_the_data_folder_may_be_elsewhere(exported, tmp_path):
    there, data = tmp_path / "there", tmp_path / "apart" / "data"
    import_corpus(exported, there, data)
    assert {path.name for path in there.iterdir()} == {"a.txt", "b", "ü.txt", "empty.txt"}
    embedder = WordEmbedder()
    with Folder(there).open(embedder=embedder, data=data) as assistant:
        assert len(assistant.sync().of("unchanged")) == 3
    assert embedder.encoded == []


def test_another_disk_may_round_times(exported, tmp_path, monkeypatch):
    utime = os.utime
    monkeypatch.setattr(
        os, "utime", lambda path, ns: utime(path, ns=tuple(t // 10**9 * 10**9 for t in ns))
    )
    there = imported(exported, tmp_path / "there")
    with there.open() as assistant:
        assert assistant.plan().empty


def test_an_export_goes_on_beside_a_writer_and_what_came_later_is_new(folder, tmp_path):
    folder.write("a.txt", STORY.format("alpha"))
    with folder.open() as writer, folder.open() as assistant:
        writer.sync()
        store = writer._store  # a writer in the middle of its work
        with store.writing():
            folder.write("b.txt", STORY.format("beta"))
            folder.write("a.txt", STORY.format("alphanew"))
            assistant.export(tmp_path / "corpus.tar")
    there = imported(tmp_path / "corpus.tar", tmp_path / "there")
    with there.open() as assistant:
        assert kinds(assistant.plan()) == {"a.txt": "changed", "b.txt": "new"}
        assert finds(assistant, "alpha")
        assistant.sync()
        assert finds(assistant, "alphanew")
        assert finds(assistant, "beta")


@pytest.mark.parametrize("place", ["corpus.tar", "articles/corpus.tar", "nowhere/corpus.tar"])
def test_an_export_overwrites_nothing_and_stays_out_of_the_corpus(folder, tmp_path, place):
    (tmp_path / "corpus.tar").write_text("precious")
    with folder.open() as assistant, pytest.raises(CorpusError, match=r"corpus\.tar"):
        assistant.export(tmp_path / place)
    assert (tmp_path / "corpus.tar").read_text() == "precious"
    assert [path.name for path in folder.root.iterdir()] == [".assistant"]


@pytest.mark.parametrize("there", ["a file", "an article", "an index"])
def test_nothing_is_imported_over_what_is_there(exported, tmp_path, there):
    corpus, data = tmp_path / "there", tmp_path / "data"
    if there == "a file":
        corpus.write_text("precious")
    else:
        folder = corpus if there == "an article" else data
        folder.mkdir()
        (folder / "precious").write_text("precious")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(CorpusError, match="not empty"):
        import_corpus(exported, corpus, data)
    assert sorted(tmp_path.rglob("*")) == before


def rewritten(archive, change):
    """The archive with other members, and a manifest that agrees with them."""
    with tarfile.open(archive) as old:
        members = {m.name: (m, old.extractfile(m).read()) for m in old.getmembers()}
    manifest = json.loads(members.pop("manifest.json")[1])
    members = [*members.values()]
    change(members, manifest)
    with tarfile.open(archive, "w") as new:
        for member, content in members:
            member.size = len(content) if member.isreg() else 0
            new.addfile(member, io.BytesIO(content))
            digest = blake2b(content, digest_size=16).hexdigest()
            entry = manifest["files"].get(member.name, {"modified": 1})
            if entry.get("digest") != "as it is":
                manifest["files"][member.name] = entry | {"size": len(content), "digest": digest}
        if manifest.get("format") is not None:
            content = json.dumps(manifest).encode()
            member = tarfile.TarInfo("manifest.json")
            member.size = len(content)
            new.addfile(member, io.BytesIO(content))


def added(name, content=b"hostile", **facts):
    def change(members, _manifest):
        member = tarfile.TarInfo(name)
        for key, value in facts.items():
            setattr(member, key, value)
        members.append((member, content))

    return change


def of_the_store(sql):
    """Something done to the index, which the manifest then agrees with."""

    def change(members, _manifest):
        at = next(i for i, (member, _) in enumerate(members) if member.name == "store.sqlite3")
        connection = sqlite3.connect(":memory:")
        connection.deserialize(members[at][1])
        connection.executescript(sql)
        members[at] = members[at][0], connection.serialize()

    return change


def replaced(name, content):
    def change(members, _manifest):
        at = next(i for i, (member, _) in enumerate(members) if member.name == name)
        members[at] = members[at][0], content

    return change


def dropped(members, _manifest):
    del members[-1]


def wrong_digest(_members, manifest):
    manifest["files"]["articles/a.txt"] |= {"digest": "as it is"}


def no_manifest(_members, manifest):
    manifest["format"] = None


def newer(_members, manifest):
    manifest["format"] = 99


def not_a_list(_members, manifest):
    manifest["files"]["articles/a.txt"] = {"modified": "soon"}


HOSTILE = {
    "climbs up": added("articles/../../escaped.txt"),
    "climbs up at once": added("../escaped.txt"),
    "absolute": added("/tmp/escaped-by-import.txt"),
    "absolute below": added("articles//tmp/escaped.txt"),
    "Windows": added("articles/..\\..\\escaped.txt"),
    "a drive": added("articles/C:escaped.txt"),
    "hidden": added("articles/.git/hooks/post-checkout"),
    "into the index": added("articles/.assistant/store.sqlite3"),
    "elsewhere": added("assistant.toml"),
    "twice": added("articles/a.txt"),
    "a file as a folder": added("articles/a.txt/b.txt"),
    "a dot": added("articles/./a.txt"),
    "link": added("articles/link", b"", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
    "hard link": added("articles/link", b"", type=tarfile.LNKTYPE, linkname="articles/a.txt"),
    "device": added("articles/null", b"", type=tarfile.CHRTYPE, devmajor=1, devminor=3),
    "pipe": added("articles/pipe", b"", type=tarfile.FIFOTYPE),
    "folder": added("articles/folder", b"", type=tarfile.DIRTYPE),
    "sparse": added(
        "articles/b.txt", pax_headers={"GNU.sparse.map": "0,7", "GNU.sparse.size": "9" * 12}
    ),
    "a very long name": added("articles/" + "x" * 300 + ".txt"),
    "less than it says": dropped,
    "another digest": wrong_digest,
    "no manifest": no_manifest,
    "a newer format": newer,
    "an odd manifest": not_a_list,
    "a store that is none": replaced("store.sqlite3", b"no database" * 1000),
    "a trigger": of_the_store(
        "CREATE TRIGGER evil AFTER INSERT ON articles BEGIN DELETE FROM articles; END"
    ),
    "a view": of_the_store("DROP TABLE feeds; CREATE VIEW feeds AS SELECT * FROM articles"),
    "a path out of the corpus": of_the_store("UPDATE articles SET path = '../../' || path"),
    "a newer index": of_the_store("UPDATE meta SET value = '99' WHERE key = 'schema'"),
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_or_damaged_archive_is_refused_and_leaves_nothing(exported, tmp_path, change):
    rewritten(exported, change)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(AssistantError, match=r"corpus\.tar|there") as refused:
        import_corpus(exported, tmp_path / "there", tmp_path / "there" / ".assistant")
    assert refused.value.remedy
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("part", [0, 1, 511, 0.3, 0.9])
def test_a_part_of_an_archive_is_refused(exported, tmp_path, part):
    size = exported.stat().st_size
    os.truncate(exported, part if part >= 1 else int(size * part))
    with pytest.raises(CorpusError):
        import_corpus(exported, tmp_path / "there", tmp_path / "there" / ".assistant")
    assert not (tmp_path / "there").exists()


@pytest.mark.parametrize("form", ["w:gz", "w:xz"])
def test_what_unpacks_into_more_than_its_size_is_refused(exported, tmp_path, form):
    with tarfile.open(tmp_path / "packed.tar", form) as packed:
        packed.add(exported, "articles/a.txt")
    with pytest.raises(CorpusError, match="not an archive"):
        import_corpus(tmp_path / "packed.tar", tmp_path / "there", tmp_path / "data")
    assert not (tmp_path / "there").exists()


def test_each_damaged_byte_of_an_article_is_noticed(exported, tmp_path):
    content = exported.read_bytes()
    at = content.index(b"The bridgea bridge")
    exported.write_bytes(content[:at] + b"t" + content[at + 1 :])
    with pytest.raises(CorpusError, match="not as it was exported"):
        import_corpus(exported, tmp_path / "there", tmp_path / "there" / ".assistant")


KILLED = """
import os, signal, sys
from pathlib import Path
from assistant.corpus.transfer import import_corpus
def kill(step):
    if step.done == 2:
        print("half", flush=True)
        sys.stdin.readline()
import_corpus(*map(Path, sys.argv[1:]), kill)
"""


@pytest.mark.parametrize("data", ["there/.assistant", "apart"])
def test_what_a_killed_import_left_is_removed_by_the_next_and_two_at_once_are_refused(
    exported, tmp_path, data
):
    place = tmp_path / "place"
    place.mkdir()
    folders = [str(exported), str(place / "there"), str(place / data)]
    (place / ".there.importing-of-mine").write_text("a file of somebody")
    first = Forked(
        [sys.executable, "-c", KILLED, *folders],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert first.stdout.readline() == "half\n"
    with pytest.raises(CorpusError, match="another process is importing"):
        import_corpus(*map(Path, folders))
    first.kill()
    first.communicate()
    left = {path.name for path in place.iterdir()}
    assert len(left) > 2
    import_corpus(*map(Path, folders))
    assert {path.name for path in place.iterdir()} == {
        ".there.importing-of-mine",
        "there",
        *({"apart"} if data == "apart" else ()),
    }


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting a small disk needs root"
)
def test_a_full_disk_leaves_nothing_half(exported, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this machine mounts no tmpfs")
    try:
        with pytest.raises(CorpusError, match="space"):
            import_corpus(exported, disk / "there", disk / "there" / ".assistant")
        assert list(disk.iterdir()) == []
        subprocess.run(["mount", "-o", "remount,size=50m", str(disk)], check=True)
        imported(exported, disk / "there")
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.slow
def test_export_and_import_from_the_command_line(folder, tmp_path):
    folder.write("a.txt", STORY.format("alpha"))
    assert run("sync", corpus=folder.root).returncode == 0
    archive = tmp_path / "corpus.tar"
    done = run("export", str(archive), corpus=folder.root, fresh=True)
    assert "1 articles, 1 passages" in done.stdout
    there = tmp_path / "there"
    done = json.loads(run("import", str(archive), "--json", corpus=there, fresh=True).stdout)
    assert (done["articles"], done["files"]) == (1, 1)
    dry = run("sync", "--dry-run", corpus=there).stdout
    assert dry.strip().splitlines()[-1] == "1 unchanged"
    again = run("import", str(archive), corpus=there)
    assert (again.returncode, len(again.stderr.splitlines())) == (1, 1)
