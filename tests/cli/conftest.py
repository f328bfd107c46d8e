"""The real command, in this process or in one of its own, on a data folder of its own."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from cli.main import run
from core.settings import Settings
from nlp.annotator import Annotator, load_annotator
from nlp.bundle import BUNDLED
from store.database import Database
from tests.needs import skip_or_fail

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str


class Koe(Protocol):
    """`koe("import", path)`; settings are KOE_* variables."""

    def __call__(self, *arguments: str | Path, settings: Mapping[str, str] = ..., given: bytes = ...) -> Outcome: ...


def environment(home: Path, settings: Mapping[str, str] = {}) -> dict[str, str]:
    """This process's environment without its own settings, for a command on `home`; the poorest locale there is."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KOE_")}
    return kept | {"PYTHONPATH": str(ROOT), "KOE_HOME": str(home), "LC_ALL": "C", **settings}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The data folder of the commands of this test; not there before the first that needs it."""
    return tmp_path / "home"


@pytest.fixture
def stored(home: Path) -> Iterator[Database]:
    """The database that the commands of this test fill."""
    database = Database(f"sqlite:///{home / 'koe.sqlite3'}")
    yield database
    database.dispose()


@pytest.fixture
def koe(tmp_path: Path, home: Path) -> Koe:
    """The command in a process of its own, in an empty working folder."""

    def start(*arguments: str | Path, settings: Mapping[str, str] = {}, given: bytes = b"") -> Outcome:
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", *map(str, arguments)],
            input=given,
            capture_output=True,
            cwd=tmp_path,
            env=environment(home, settings),
            timeout=200,
            check=False,
        )
        return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())

    return start


@pytest.fixture
def quick(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Koe]:
    """The same command line in this process: no start-up to wait for, and the same edge for errors and exit codes."""
    handlers, level = logging.root.handlers[:], logging.root.level

    def start(*arguments: str | Path, settings: Mapping[str, str] = {}, given: bytes = b"") -> Outcome:
        for name in [name for name in os.environ if name.startswith("KOE_")]:
            monkeypatch.delenv(name)
        for name, value in {"KOE_HOME": str(home), **settings}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        return Outcome(code, *capsys.readouterr())

    yield start
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


@pytest.fixture(scope="session")
def annotator(tmp_path_factory: pytest.TempPathFactory) -> Annotator:
    """The weights that ship, loaded once."""
    if not (BUNDLED / "model.json").is_file():
        skip_or_fail("models/bundled holds no model")
    return load_annotator(Settings(home=tmp_path_factory.mktemp("model")))


@pytest.fixture
def bundled_model(annotator: Annotator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands in this process share one loaded model; those in their own load it themselves."""
    monkeypatch.setattr("nlp.annotator.load_annotator", lambda settings: annotator)
