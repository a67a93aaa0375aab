"""The house stays as it was drawn."""

from pathlib import Path

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "assistant").rglob("*.py"))


def test_no_module_outgrows_its_room():
    for path in MODULES:
        assert len(path.read_text().splitlines()) <= 530, path.name
