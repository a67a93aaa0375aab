"""The house stays as it was drawn: imports point one way, one door per library, README = disk."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = [
    {"errors", "schema", "languages"},
    {"settings", "terms", "timespans", "prompts", "failures", "listening"},
    {
        "passages",
        "embedding",
        "crossencoder",
        "abbreviations",
        "spelling",
        "sources",
        "questions",
        "speakers",
        "generation",
        "normalising",
        "attribution",
        "database",
    },
    {"features", "store", "corpus", "suggestions", "names", "statements"},
    {"reader", "vectors", "models", "lexical", "copies", "cited", "adding", "chronology"},
    {
        "index",
        "reprints",
        "retrieval",
        "subscriptions",
        "entailment",
        "verification",
        "conversation",
        "disagreement",
    },
    {"answering", "feedback", "ingestion", "transfer"},
    {"writing", "following"},
    {"asking"},
    {"assistant"},
    {"doctor", "llamaindex", "printing"},
    {"web"},
    {"cli"},
]
DOORS = {
    "chromadb": {"vectors.py"},
    "sentence_transformers": {"embedding.py"},
    "torch": {"embedding.py"},
    "transformers": {"embedding.py"},
    "onnxruntime": {"crossencoder.py"},
    "tokenizers": {"crossencoder.py"},
    "llama_index": {"llamaindex.py", "generation.py"},
    "httpx": {"listening.py"},
    "httpcore2": {"sources/fetch.py"},
    "idna": {"sources/addresses.py"},
    "feedparser": {"sources/feed.py"},
    "protego": {"sources/feed.py"},
    "watchfiles": {"following.py"},
    "sqlite3": {"database.py"},
    "datasketch": {"copies.py"},
    "rapidfuzz": {"spelling.py"},
    "text_to_num": {"normalising.py"},
    "py3langid": {"languages.py"},
    "snowballstemmer": {"languages.py"},
    "trafilatura": {"sources/html.py"},
    "lxml": {"sources/elements.py"},
    "pypdfium2": {"sources/pdf_pages.py"},
    "docx": {"sources/docx.py"},
    "striprtf": {"sources/rtf.py"},
    "babel": {"sources/dates.py", "languages.py"},
    "charset_normalizer": {"sources/decoding.py"},
    "markdown_it": {"sources/text.py"},
    "frontmatter": {"sources/front_matter.py"},
    "yaml": {"sources/front_matter.py"},
    "pydantic_settings": {"settings.py"},
    "gradio": {
        f"web/{name}.py" for name in ("app", "page", "chat", "articles", "imports", "evaluation")
    },
    "fastapi": {"web/app.py"},
    "uvicorn": {"web/app.py"},
    "click": {"cli.py", "printing.py", "web/app.py"},
    "tqdm": {"printing.py"},
}
MODULES = sorted((ROOT / "assistant").rglob("*.py"))


def imports(path, typing=False):
    """All modules that a file imports, wherever in it; those for type checkers only if asked."""
    tree = ast.parse(path.read_text())
    if not typing:
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def layer(module):
    return next((i for i, names in enumerate(LAYERS) if module in names), None)


def name_of(path):
    return path.relative_to(ROOT / "assistant").parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_to_lower_layers_only(path):
    here = name_of(path)
    if here == "__init__":
        return
    assert layer(here) is not None, f"give {here} a layer"
    for module in imports(path):
        parts = module.split(".")
        if parts[0] != "assistant" or len(parts) < 2 or layer(parts[1]) is None:
            continue
        assert parts[1] == here or layer(parts[1]) < layer(here), f"{here} imports {parts[1]}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_each_library_has_one_door(path):
    here = path.relative_to(ROOT / "assistant").as_posix()
    for module in imports(path, typing=True):
        door = DOORS.get(module.split(".")[0])
        assert door is None or here in door, f"{here} imports {module}"


def test_the_tree_in_the_readme_equals_the_disk():
    readme = (ROOT / "README.md").read_text()
    tree = re.search(r"```text\n(\./?\n.*?)```", readme, re.DOTALL).group(1)
    shown, parents = set(), []
    for line in tree.splitlines()[1:]:
        depth = (len(line) - len(line.lstrip(" "))) // 2
        name = line.split("#")[0].strip()
        if not name:
            continue
        parents = [*parents[: depth - 1], name.rstrip("/")]
        shown.add("/".join(parents))
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    parts = {
        f for f in tracked if f.startswith(("assistant/", "eval/", "docs/")) and (ROOT / f).exists()
    }
    top = {f.split("/")[0] for f in tracked if not f.startswith(".") and (ROOT / f).exists()}
    drawn = {f for f in parts if "images/" not in f and not f.endswith("/__init__.py")}
    assert drawn | top <= shown
    assert all((ROOT / path).exists() for path in shown)


def test_no_module_outgrows_its_room():
    for path in MODULES:
        assert len(path.read_text().splitlines()) <= 530, path.name
