"""`koe doctor` finds what is wrong, says what to do, and changes nothing."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import insert

from cli import doctor
from cli.doctor import Check, check_auth, check_disk, check_model, check_secret
from core.settings import Settings
from core.times import utcnow
from store.database import Database
from store.heartbeats import beat
from store.reannotations import ask_reannotation
from store.tables import outdated
from store.workspaces import create_workspace
from tests.builders import a_new_feedback, an_annotation, store_annotated
from tests.cli.conftest import Koe, Outcome


def checks(outcome: Outcome) -> dict[str, tuple[str, str]]:
    return {check["name"]: (check["state"], check["advice"]) for check in json.loads(outcome.out)}


def states(outcome: Outcome) -> dict[str, str]:
    return {name: state for name, (state, _) in checks(outcome).items()}


@pytest.fixture(autouse=True)
def no_checksums(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model is checked in tests of its own: reading it takes longer than all the rest."""
    monkeypatch.setattr(doctor, "check_model", lambda settings: Check("model", "ok", "not looked at"))


def test_on_a_fresh_machine_nothing_fails_and_nothing_is_made(quick: Koe, home: Path) -> None:
    outcome = quick("doctor", "--json", settings={"KOE_PORT": "1"})
    assert outcome.code == 0
    assert "fail" not in states(outcome).values()
    assert states(outcome)["database"] == "warn"
    assert not home.exists()


def test_each_line_says_what_to_do(quick: Koe) -> None:
    outcome = quick("doctor", settings={"KOE_PORT": "1"})
    assert "warn  home        " in outcome.out
    assert "-> koe serve makes it" in outcome.out


def test_a_database_of_another_version_fails(quick: Koe) -> None:
    quick("db", "upgrade")
    quick("db", "downgrade", "base", "--yes")
    outcome = quick("doctor", "--json", settings={"KOE_PORT": "1"})
    assert outcome.code == 1
    assert checks(outcome)["database"] == ("fail", "run koe db upgrade")


def test_a_database_that_is_away_fails(quick: Koe) -> None:
    outcome = quick("doctor", "--json", settings={"KOE_DATABASE_URL": "postgresql://koe:hush@127.0.0.1:1/koe", "KOE_PORT": "1"})
    assert (outcome.code, states(outcome)["database"]) == (1, "fail")
    assert "hush" not in outcome.out


def test_a_broker_that_was_configured_and_is_away_fails(quick: Koe) -> None:
    outcome = quick("doctor", "--json", settings={"KOE_BROKER_URL": "redis://:hush@127.0.0.1:1/0", "KOE_PORT": "1"})
    assert (outcome.code, states(outcome)["broker"]) == (1, "fail")
    assert "hush" not in outcome.out


def test_workers_that_are_silent_are_named_and_live_ones_counted(quick: Koe, stored: Database) -> None:
    quick("db", "upgrade")
    assert states(quick("doctor", "--json", settings={"KOE_PORT": "1"}))["workers"] == "warn"
    with stored.write() as connection:
        for kind in ("annotate", "stages", "beat"):
            beat(connection, f"{kind}-1", kind, utcnow())
    assert states(quick("doctor", "--json", settings={"KOE_PORT": "1"}))["workers"] == "ok"


def test_texts_that_could_not_be_annotated_again_are_pointed_out(quick: Koe, stored: Database) -> None:
    quick("db", "upgrade")
    with stored.write() as connection:
        workspace = create_workspace(connection, "acme", utcnow())
        row = store_annotated(connection, workspace.id, [(a_new_feedback("Late again"), an_annotation("negative", []))])[0]
        ask_reannotation(connection, workspace.id, since=None, now=utcnow())
    assert states(quick("doctor", "--json", settings={"KOE_PORT": "1"}))["reannotate"] == "ok"
    with stored.write() as connection:
        mark = {"feedback_id": int(row.id), "workspace_id": int(workspace.id), "claims": 5, "error": "given up"}
        connection.execute(insert(outdated), mark)
    outcome = quick("doctor", settings={"KOE_PORT": "1"})
    assert "warn  reannotate" in outcome.out
    assert "1 text could not be annotated again" in outcome.out


def test_a_secret_that_others_can_read_fails(home: Path) -> None:
    home.mkdir()
    (home / "secret").write_text("x" * 43)
    (home / "secret").chmod(0o644)
    found = check_secret(Settings(home=home))
    assert (found.state, found.advice) == ("fail", f"chmod 600 {home / 'secret'}")
    (home / "secret").chmod(0o600)
    assert check_secret(Settings(home=home)).state == "ok"


def test_doors_open_to_everybody_fail() -> None:
    assert check_auth(Settings(auth="off", host="192.0.2.1")).state == "fail"
    assert check_auth(Settings(auth="off")).state == "warn"
    assert check_auth(Settings(host="192.0.2.1")).state == "ok"


def test_a_variable_that_is_no_setting_is_pointed_out(quick: Koe) -> None:
    outcome = quick("doctor", settings={"KOE_DATABSE_URL": "sqlite:///x", "KOE_PORT": "1"})
    assert "not settings: KOE_DATABSE_URL" in outcome.out


def test_a_damaged_model_fails_with_the_file(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text("{}")
    found = check_model(Settings(model=str(tmp_path)))
    assert found.state == "fail"
    assert str(tmp_path) in found.found


def test_the_bundled_model_is_whole(annotator: object) -> None:
    assert check_model(Settings()).state == "ok"


def test_a_full_disk_fails(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=2**29))
    assert check_disk(Settings(home=home)).state == "fail"
