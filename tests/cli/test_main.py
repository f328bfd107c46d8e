"""The edge of every command: one line for an error, exit codes for scripts, quick help."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Koe, environment


def test_the_version_is_the_one_that_is_installed(quick: Koe) -> None:
    outcome = quick("--version")
    assert outcome.code == 0
    assert re.fullmatch(r"koe \d+\.\d+\.\d+\n", outcome.out)


def test_help_names_every_command_of_the_contract(quick: Koe) -> None:
    outcome = quick("--help")
    commands = "serve demo classify import pull evaluate backtest keys db worker doctor sources brands dimensions api beat"
    assert [name for name in commands.split() if name not in outcome.out] == []


def test_help_loads_no_heavy_library() -> None:
    heavy = "{'numpy', 'openvino', 'sqlalchemy', 'fastapi', 'celery', 'pydantic', 'alembic', 'scipy', 'asyncio'}"
    script = f"import sys; from cli.main import run; code = run(['--help']); print(sorted({heavy} & set(sys.modules)), code)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.splitlines()[-1] == "[] 0"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fly",), "koe: No such command 'fly'. (koe --help)\n"),
        (("import",), "koe: Missing argument 'file'. (koe import --help)\n"),
        (("import", "missing.csv"), "koe: missing.csv: no such file\n"),
        (("import", "."), "koe: .: that is a folder\n"),
        (("keys", "create", "x", "--scopes", "fly"), "koe: --scopes 'fly': give one or more of classify, ingest, read, manage, admin\n"),
    ],
)
def test_what_is_wrong_with_a_call_is_one_line_and_exit_code_two(quick: Koe, arguments: tuple[str, ...], message: str) -> None:
    outcome = quick(*arguments)
    assert (outcome.code, outcome.out, outcome.err) == (2, "", message)


def test_a_setting_that_is_wrong_is_named(quick: Koe) -> None:
    outcome = quick("keys", "list", settings={"KOE_PORT": "many"})
    assert outcome.code == 2
    assert outcome.err.startswith("koe: KOE_PORT: Input should be a valid integer")
    assert outcome.err.count("\n") == 1


def test_a_name_in_the_settings_file_that_is_no_setting_is_refused(quick: Koe, tmp_path: Path) -> None:
    (tmp_path / "koe.toml").write_text('databaze_url = "x"\n')
    assert "KOE_DATABAZE_URL: Extra inputs are not permitted" in quick("keys", "list").err


def test_a_settings_file_that_is_no_toml_is_refused_in_one_line(quick: Koe, tmp_path: Path) -> None:
    (tmp_path / "koe.toml").write_text("home = \n")
    outcome = quick("keys", "list")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert outcome.err.startswith("koe: koe.toml or a KOE_ variable cannot be read")


def test_a_database_that_is_away_is_one_line_that_says_what_to_do(quick: Koe) -> None:
    outcome = quick("keys", "list", settings={"KOE_DATABASE_URL": "postgresql://koe:hush@127.0.0.1:1/koe"})
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "start the database, or correct KOE_DATABASE_URL" in outcome.err
    assert "hush" not in outcome.err


def test_a_home_that_cannot_be_made_is_one_line_that_says_what_to_do(quick: Koe, home: Path) -> None:
    home.write_text("in the way")
    outcome = quick("keys", "list")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "set KOE_HOME to another folder" in outcome.err


def test_a_file_that_cannot_be_written_is_one_line(quick: Koe, tmp_path: Path) -> None:
    (tmp_path / "reviews.jsonl").write_text('{"text": "good"}\n')
    outcome = quick("import", "reviews.jsonl", "--dry-run", "--rejects", "missing/bad.csv")
    assert (outcome.code, outcome.err.splitlines()[-1]) == (2, "koe: missing/bad.csv: No such file or directory")


def test_debug_shows_where_an_error_came_from(quick: Koe) -> None:
    assert "Traceback" not in quick("import", "missing.csv").err
    assert "Traceback" in quick("import", "missing.csv", settings={"KOE_LOG_LEVEL": "debug"}).err


def test_a_reader_that_has_seen_enough_ends_the_command_quietly(home: Path, tmp_path: Path) -> None:
    command = f"{sys.executable} -m cli.main sources connectors; echo code $? >&2"
    shell = ["/bin/bash", "-c", f"({command}) | true"]
    done = subprocess.run(shell, capture_output=True, text=True, env=environment(home), cwd=tmp_path, check=False)
    assert done.stderr.strip() == "code 141"


def test_every_list_is_json_for_machines(quick: Koe) -> None:
    for command in ("keys list", "brands list", "workspaces list", "sources list", "dimensions", "sources connectors"):
        outcome = quick(*command.split(), "--json")
        assert (outcome.code, outcome.err) == (0, "")
        assert isinstance(json.loads(outcome.out), list), command
