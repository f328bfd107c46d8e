"""Documents are tested: their links lead somewhere, and their commands exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_every_path_named_in_the_table_of_places_exists() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    paths = re.findall(r"`((?:core|store|nlp|models|insights|scrapers|workers|api|cli|tests)/[\w./]*)`", page)
    assert len(paths) > 20
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_make_target_named_in_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^    |`)make ([a-z-]+)", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert {"run", "test", "demo"} <= named <= targets


def test_documents_speak_of_the_project_alone() -> None:
    """No path of one machine and no registry host belongs into a document."""
    foreign = re.compile(r"/work/|/root/|pypi\.org|files\.pythonhosted")
    assert [page.name for page in PAGES if foreign.search(page.read_text())] == []
