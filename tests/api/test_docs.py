"""docs/api.md is true: its commands run as written against a live app, its answers have the real shape, and no call is missing."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from api.app import create_app
from core.nudges import Stage
from core.settings import Settings
from core.times import utcnow
from scrapers.table import specs
from store.database import Database
from store.keys import create_key
from store.rules import ensure_default_rule
from store.secrets import Vault
from store.workspaces import create_workspace
from tests.api.annotating import WordAnnotator
from tests.api.counted import count_all
from tests.api.live import served
from tests.api.test_alerts import surge

PAGE = Path(__file__).parents[2] / "docs/api.md"
BLOCK = re.compile(r"^```sh(?P<flag>[ a-z]*)\n(?P<commands>.*?)^```\n(?:\n?```json\n(?P<answer>.*?)^```)?", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """Commands of the page, what they are said to answer, and whether they are meant to fail."""

    commands: str
    answer: str | None
    fails: bool


def blocks() -> list[Block]:
    return [Block(found["commands"], found["answer"], "fails" in found["flag"]) for found in BLOCK.finditer(PAGE.read_text())]


def run(block: Block, environment: dict[str, str]) -> str:
    """What the commands print. Fails when one of them does, or answers with an error that the page does not promise."""
    strict = "" if block.fails else 'curl() { command curl --fail-with-body --show-error "$@"; }\n'
    script = f"set -e -o pipefail\n{strict}{block.commands}"
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{block.commands}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def shape(value: object) -> object:
    """Names and kinds, without values: lists by their first row, numbers alike, null like anything."""
    match value:
        case dict():
            return {name: shape(part) for name, part in value.items()}
        case list():
            return [shape(part) for part in value[:1]]
        case bool():
            return "true or false"
        case int() | float():
            return "number"
    return type(value).__name__


def fits(shown: object, real: object) -> bool:
    """Whether two shapes agree, where an empty list or a null says nothing."""
    if "NoneType" in (shown, real) or [] in (shown, real):
        return True
    if isinstance(shown, dict) and isinstance(real, dict):
        open_ended = not shown or not real or shown.keys() & real.keys() == set()
        return open_ended or (shown.keys() == real.keys() and all(fits(shown[name], real[name]) for name in shown))
    if isinstance(shown, list) and isinstance(real, list):
        return fits(shown[0], real[0])
    return shown == real


@pytest.fixture
def fresh_start(sqlite_database: Database, tmp_path: Path) -> Iterator[dict[str, str]]:
    """What `make run` leaves behind at its first start, and one open alert; counting is done at once instead of by a worker."""
    now = utcnow()
    with sqlite_database.write() as connection:
        workspace = create_workspace(connection, "default", now)
        ensure_default_rule(connection, workspace.id, now)
        _, key = create_key(connection, workspace.id, name="first start", scopes=("admin",), now=now)
    surge(sqlite_database, workspace.id)

    def nudge(stage: Stage) -> None:
        if stage == "roll_up":
            count_all(sqlite_database)

    app = create_app(
        Settings(home=tmp_path), sqlite_database, annotator=WordAnnotator, vault=Vault("x" * 32), connectors=specs(), nudge=nudge
    )
    with served(app) as port:
        address = f"http://127.0.0.1:{port}"
        while httpx.get(f"{address}/readyz").status_code != 200:
            pass
        yield {"KOE_URL": address, "KOE_KEY": key, "PATH": os.environ["PATH"]}


def test_every_command_runs_as_written_and_answers_as_shown(fresh_start: dict[str, str]) -> None:
    assert len(blocks()) > 30
    for block in blocks():
        printed = run(block, fresh_start)
        if block.answer is not None:
            assert fits(shape(json.loads(block.answer)), shape(json.loads(printed))), f"{block.commands}\n{block.answer}\n{printed}"


def test_every_call_is_on_the_page(fresh_start: dict[str, str]) -> None:
    text = "".join(block.commands for block in blocks())
    document = httpx.get(f"{fresh_start['KOE_URL']}/openapi.json").json()
    for path, methods in document["paths"].items():
        address = re.escape(path).replace(r"\{", "{").replace(r"\}", "}")
        pattern = re.sub(r"{\w+}", r"[\\w-]+", address) + r'["?]'
        assert re.search(pattern, text), path
        for method in methods:
            if method in {"patch", "delete"}:
                assert re.search(rf"-X {method.upper()} \"\$KOE_URL{pattern}", text), f"{method} {path}"
