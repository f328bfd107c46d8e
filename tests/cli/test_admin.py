"""Keys, brands, dimensions, workspaces and the schema, by hand."""

import json
from datetime import timedelta
from pathlib import Path

from core.times import utcnow
from store.database import Database
from store.heartbeats import beat
from store.keys import authenticate
from store.records import Scope
from store.rules import create_rule
from store.workspaces import find_workspace
from tests.builders import NOW
from tests.cli.conftest import Koe


def test_a_key_is_printed_alone_and_opens_the_workspace(quick: Koe, stored: Database) -> None:
    outcome = quick("keys", "create", "help desk", "--scopes", "classify")
    with stored.read() as connection:
        key = authenticate(connection, outcome.out.strip())
    assert outcome.code == 0
    assert key is not None
    assert (key.name, key.scopes) == ("help desk", ("classify",))


def test_a_revoked_key_opens_nothing(quick: Koe, stored: Database) -> None:
    made = json.loads(quick("keys", "create", "x", "--json").out)
    assert quick("keys", "revoke", made["id"]).out == f"key {made['id']} (x) is revoked\n"
    with stored.read() as connection:
        assert authenticate(connection, made["key"]) is None
    assert json.loads(quick("keys", "list", "--json").out)[0]["revoked_at"] is not None


def test_a_list_of_keys_never_shows_them(quick: Koe) -> None:
    plain = quick("keys", "create", "x").out.strip()
    outcome = quick("keys", "list")
    assert plain.split("_")[1] in outcome.out
    assert plain.split("_", 2)[2] not in outcome.out + quick("keys", "list", "--json").out


def test_a_key_of_another_workspace_cannot_be_revoked(quick: Koe) -> None:
    quick("workspaces", "add", "rival")
    made = json.loads(quick("keys", "create", "x", "--workspace", "rival", "--json").out)
    assert quick("keys", "revoke", made["id"]).code == 2
    assert quick("keys", "revoke", made["id"], "--workspace", "rival").code == 0


def test_an_unknown_workspace_is_refused_with_those_there_are(quick: Koe) -> None:
    outcome = quick("keys", "list", "--workspace", "nowhere")
    assert (outcome.code, outcome.err) == (2, "koe: no workspace 'nowhere'; there are: none\n")


def test_a_brand_is_a_checked_query(quick: Koe) -> None:
    assert quick("brands", "add", "Delta", '"delta air" OR @delta NOT river').code == 0
    refused = quick("brands", "add", "Broken", '"delta')
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert [brand["name"] for brand in json.loads(quick("brands", "list", "--json").out)] == ["Delta"]


def test_dimensions_are_set_shown_and_cleared(quick: Koe, stored: Database) -> None:
    assert quick("dimensions").out == "none\n"
    assert quick("dimensions", "airline", "tier").out == "airline, tier\n"
    with stored.read() as connection:
        workspace = find_workspace(connection, "default")
    assert workspace is not None
    assert workspace.dimensions == ("airline", "tier")
    assert quick("dimensions", "--clear").out == "none\n"


def test_a_dimension_that_a_rule_watches_is_kept(quick: Koe, stored: Database) -> None:
    quick("dimensions", "tier")
    with stored.write() as connection:
        workspace = find_workspace(connection, "default")
        assert workspace is not None
        create_rule(
            connection, workspace.id, name="tiers", measure="negative", scope=Scope(), split_by=("attributes.tier",), window_minutes=60,
            sensitivity=1e-4, least=8, channels=(), enabled=True, now=NOW,
        )  # fmt: skip
    refused = quick("dimensions", "--clear")
    assert (refused.code, "dimension 'tier' is used by rule 'tiers'" in refused.err) == (2, True)


def test_a_dimension_that_can_be_no_name_is_refused(quick: Koe) -> None:
    assert quick("dimensions", "Air Line").code == 2


def test_the_first_upgrade_prints_the_admin_key_and_the_second_does_not(quick: Koe, stored: Database) -> None:
    first, second = quick("db", "upgrade"), quick("db", "upgrade")
    key = first.out.split("(shown this once, keep it): ")[1].strip()
    with stored.read() as connection:
        found = authenticate(connection, key)
    assert found is not None
    assert found.scopes == ("admin",)
    assert "already" in second.out
    assert "koe_" not in second.out


def test_the_schema_goes_down_and_up_again(quick: Koe) -> None:
    quick("db", "upgrade")
    assert quick("db", "current").code == 0
    assert quick("db", "downgrade", "base", "--yes").out == "the database is at base\n"
    assert quick("db", "current", "--json").out == '{"revision": null, "current": false}\n'
    assert quick("db", "current").code == 1
    assert quick("db", "upgrade").code == 0


def test_a_database_is_copied_once_nobody_works_on_it(quick: Koe, stored: Database, tmp_path: Path) -> None:
    made = json.loads(quick("keys", "create", "x", "--json").out)
    copied = f"sqlite:///{tmp_path / 'copied.sqlite3'}"
    with stored.write() as connection:
        beat(connection, "host-1", "stages", utcnow())
    refused = quick("db", "copy", copied)
    assert (refused.code, "stop it first" in refused.err) == (2, True)
    with stored.write() as connection:
        beat(connection, "host-1", "stages", utcnow() - timedelta(minutes=1))
    assert quick("db", "copy", copied).out == f"copied to {copied}\n"
    with Database(copied).read() as connection:
        assert authenticate(connection, made["key"]) is not None
    no_url, no_folder = quick("db", "copy", "copy.sqlite3"), quick("db", "copy", f"sqlite:///{tmp_path}/none/x.sqlite3")
    assert "the target is no URL" in no_url.err
    assert (f"there is no folder {tmp_path}/none" in no_folder.err, (tmp_path / "none").exists()) == (True, False)


def test_an_unknown_revision_is_refused_in_one_line(quick: Koe) -> None:
    quick("db", "upgrade")
    outcome = quick("db", "downgrade", "nonsense", "--yes")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)


def test_a_downgrade_that_is_not_confirmed_changes_nothing(koe: Koe) -> None:
    koe("db", "upgrade")
    assert koe("db", "downgrade", "base", given=b"n\n").code == 130
    assert koe("db", "current").code == 0
