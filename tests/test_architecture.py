"""House rules as small tests over the syntax tree: imports go one way, and each rule says why."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("core", "store", "nlp", "models", "insights", "scrapers", "workers", "api", "dashboard", "cli")
MAY_IMPORT: dict[str, set[str]] = {
    "core": set(),
    "store": {"core"},
    "nlp": {"core", "store.records"},
    "scrapers": {"core", "store.records", "store.intake"},
    "insights": {"core", "store.records"},
    "models": {"core", "store.records", "nlp", "models"},
    "workers": {"core", "store", "nlp", "scrapers", "insights"},
    "api": {"core", "store", "nlp", "insights"},
    "dashboard": {"core", "store", "nlp", "insights", "api"},
    "cli": set(PACKAGES),
}


def files_of(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def allowed(name: str, package: str) -> bool:
    return any(name == prefix or name.startswith(prefix + ".") for prefix in MAY_IMPORT[package] | {package})


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_go_one_way(package: str) -> None:
    """A stage that knows its neighbour cannot be replaced without it."""
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files_of(package)
        for name in imports_of(path)
        if name.split(".")[0] in PACKAGES and not allowed(name, package)
    ]
    assert wrong == []


def test_only_training_and_the_torch_backend_import_torch() -> None:
    """Serving the bundled model never needs the gigabytes of torch."""
    wrong = [
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in files_of(package)
        if {"torch", "transformers"} & {name.split(".")[0] for name in imports_of(path)}
        and not str(path.relative_to(ROOT)).startswith(("models/training/", "nlp/torch_backend"))
    ]
    assert wrong == []


def test_only_the_store_speaks_sql() -> None:
    """A query outside the store is a query that nobody checks for the workspace."""
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for package in set(PACKAGES) - {"store"}
        for path in files_of(package)
        for name in imports_of(path)
        if name.split(".")[0] in {"psycopg", "sqlite3", "alembic"}
        or (name.startswith("sqlalchemy") and name not in {"sqlalchemy.Connection", "sqlalchemy.engine.Connection"})
    ]
    assert wrong == []


def test_only_the_workers_know_celery() -> None:
    """One file knows Celery; a stage is a plain function."""
    wrong = [
        str(path.relative_to(ROOT))
        for package in set(PACKAGES) - {"workers"}
        for path in files_of(package)
        if any(name.split(".")[0] in {"celery", "kombu"} for name in imports_of(path))
    ]
    assert wrong == []


def test_init_files_hold_nothing_but_a_docstring() -> None:
    """An __init__ that imports its siblings makes cycles of everything."""
    for package in PACKAGES:
        for path in (ROOT / package).rglob("__init__.py"):
            body = ast.parse(path.read_text()).body
            assert all(isinstance(node, ast.Expr) for node in body), path


def test_every_file_says_in_one_sentence_what_lives_in_it() -> None:
    """A newcomer finds where a thing lives in a minute."""
    without = [
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in files_of(package)
        if path.name != "__init__.py" and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert without == []


def clock_reads(path: Path) -> list[int]:
    return [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr in {"now", "utcnow"}
        and isinstance(node.value, ast.Name)
        and node.value.id == "datetime"
    ]


def test_the_clock_is_read_in_one_place() -> None:
    """Time is an argument: a test moves it, and a replay gives what the night gave."""
    wrong = [
        f"{path.relative_to(ROOT)}:{line}"
        for package in PACKAGES
        for path in files_of(package)
        if path != ROOT / "core/times.py"
        for line in clock_reads(path)
    ]
    assert wrong == []


def test_no_registry_host_is_named_in_a_lock() -> None:
    """A lock that names a host cannot be used behind a mirror."""
    assert list((ROOT / "requirements").glob("*.txt"))
    assert [path.name for path in (ROOT / "requirements").glob("*.txt") if "://" in path.read_text()] == []
