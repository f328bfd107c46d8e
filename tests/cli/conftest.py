"""The real command in a process of its own, on a data folder of its own."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str


Koe = Callable[..., Outcome]


def environment(home: Path, settings: Mapping[str, str] = {}) -> dict[str, str]:
    """This process's environment without its own settings, for a command on `home`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KOE_")}
    return kept | {"PYTHONPATH": str(ROOT), "KOE_HOME": str(home), "LC_ALL": "C", **settings}


@pytest.fixture
def koe(tmp_path: Path) -> Koe:
    """`koe("import", "file.csv", given=b"...", KOE_PORT="1")` in an empty working folder."""

    def run(*arguments: str | Path, given: bytes = b"", settings: Mapping[str, str] = {}) -> Outcome:
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", *map(str, arguments)],
            input=given,
            capture_output=True,
            cwd=tmp_path,
            env=environment(tmp_path / "home", settings),
            timeout=120,
            check=False,
        )
        return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run
