"""The command `assistant`, as a person or a program runs it."""

import json
import re
import subprocess
import sys

import pytest

from assistant.cli.output import progress_bar
from assistant.schema import Progress

from . import fork_server
from .conftest import BUNDLED, INTERVIEW
from .test_asking import MAIN_QUESTION, MAIN_SENTENCE

COMMANDS = "ask chat add sync list show correct remove doctor watch feeds export import".split()
HEAVY = ["torch", "gradio", "chromadb", "llama_index", "numpy", "pydantic", "sentence_transformers"]


def run(*arguments, corpus=None, fresh=False):
    """Runs `assistant`; fresh as a person does, in a process that has imported nothing."""
    where = ["--corpus", str(corpus)] if corpus else []
    process = subprocess.run if fresh else fork_server.run
    command = [*fork_server.ASSISTANT, *where, *arguments]
    return process(command, capture_output=True, text=True, timeout=300)


def test_progress_shows_how_many_a_second_and_how_long_it_will_take(capsys):
    with progress_bar() as show:
        for done in (10, 20, 30):
            show(Progress(done, 30, "articles"))
        show(Progress(100, 200, "passages in the vector index"))
    drawn = capsys.readouterr().err
    assert re.search(r"30/30 articles, [\d,]+\.\d a second: 100%.*\[\d\d:\d\d<\d\d:\d\d\]", drawn)
    assert "100/200 passages in the vector index:  50%" in drawn


@pytest.mark.slow
def test_of_very_many_changes_the_first_are_listed_and_json_has_all(folder):
    for number in range(130):
        folder.write(f"{number:03}.txt", f"Whale {number} was seen.")
        folder.write(f"b{number:03}.txt", b"\0\1")
    done = run("sync", "--dry-run", corpus=folder.root)
    listed = done.stdout.splitlines()
    assert listed[:2] == ["new       000.txt", "new       001.txt"]
    assert listed[99:101] == [
        "new       099.txt",
        "new       … and 30 more; sync and add list all with --json",
    ]
    assert len(listed) == 102
    failed = done.stderr.splitlines()
    assert failed[-1] == "failed    … and 30 more; sync and add list all with --json"
    assert len(failed) == 101
    done = run("sync", "--dry-run", "--json", corpus=folder.root)
    assert len(json.loads(done.stdout)["changes"]) == 260


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)])
def test_help_teaches_with_two_examples_and_loads_nothing_heavy(command):
    code = (
        "import sys\nfrom assistant.cli import main\n"
        f"try: main({[*command, '--help']!r})\nexcept SystemExit: pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.strip() == "[]"
    assert len(re.findall(r"^ +assistant [^\n]+$", done.stdout, re.MULTILINE)) >= 2


@pytest.mark.slow
def test_a_day_with_the_command_line(folder):
    """Most commands once as a person runs them, in a process that imports what it needs."""
    (folder.root / INTERVIEW).write_bytes((BUNDLED / INTERVIEW).read_bytes())
    corpus = folder.root
    dry = run("sync", "--dry-run", corpus=corpus)
    assert "new" in dry.stdout
    assert json.loads(run("list", "--json", corpus=corpus, fresh=True).stdout) == []
    synced = run("sync", corpus=corpus, fresh=True)
    assert (synced.returncode, synced.stdout.strip().splitlines()[-1]) == (0, "1 new")

    answer = json.loads(run("ask", "--json", MAIN_QUESTION, corpus=corpus, fresh=True).stdout)
    assert answer["answered"]
    assert MAIN_SENTENCE in answer["citations"][0]["quote"]
    plain = run("ask", MAIN_QUESTION, corpus=corpus).stdout
    assert MAIN_SENTENCE in plain
    assert "[1]" in plain

    extra = folder.root.parent / "extra.md"
    extra.write_text("---\ntitle: Extra\n---\nThe ferry sails at noon.")
    added = json.loads(run("add", "--json", str(extra), corpus=corpus).stdout)
    assert added["changes"][0]["kind"] == "new"
    shown = json.loads(run("show", "extra.md", "--json", corpus=corpus, fresh=True).stdout)
    assert shown["text"] == "The ferry sails at noon."
    assert "Extra" in run("list", "ext", corpus=corpus).stdout
    assert run("remove", "extra.md", corpus=corpus, fresh=True).returncode == 0
    assert "Extra" not in run("list", corpus=corpus).stdout
    assert run("doctor", corpus=corpus, fresh=True).returncode == 0
    assert all(f["ok"] for f in json.loads(run("doctor", "--json", corpus=corpus).stdout))


@pytest.mark.parametrize(
    "arguments, named",
    [
        (["show", "nowhere.txt"], "nowhere.txt"),
        (["remove", "nowhere.txt"], "nowhere.txt"),
        (["add", "missing.txt"], "missing.txt"),
    ],
)
def test_an_error_is_one_line_that_names_its_subject(folder, arguments, named):
    done = run(*arguments, corpus=folder.root)
    assert done.returncode == 1
    assert named in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "name, content",
    [("empty.txt", b""), ("binary.txt", b"\x00\x01"), ("a.md", b"---\na: [\n---\nx")],
)
def test_a_bad_file_fails_by_name_and_the_status_tells(folder, name, content):
    folder.write(name, content)
    done = run("sync", corpus=folder.root)
    assert done.returncode == 1
    assert name in done.stderr


def test_a_missing_corpus_and_a_bad_setting_are_named(tmp_path):
    done = run("sync", corpus=tmp_path / "nowhere")
    assert done.returncode == 1
    assert "no such folder" in done.stderr
    assert run("chat", "--port", "99999", corpus=tmp_path).returncode == 1
