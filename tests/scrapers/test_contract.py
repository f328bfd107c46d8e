"""What every connector promises, tried for each word of the SOURCES table; a new source needs a fake world and passes the same tests."""

from collections.abc import Iterator
from datetime import UTC, timedelta
from pathlib import Path

import pytest

from core.errors import InvalidInput, PermanentError, TransientError
from scrapers.base import SourceChanged
from scrapers.table import SOURCES, connector_named, filled_options, specs, validate_options
from store.records import LONGEST_TEXT
from tests.scrapers.worlds import SECRET, WORLDS, World, collect


@pytest.fixture(params=sorted(SOURCES))
def connector(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def world(connector: str, tmp_path: Path) -> Iterator[World]:
    with WORLDS[connector](tmp_path) as world:
        yield world


def test_every_source_has_a_world_to_be_tried_in() -> None:
    assert set(WORLDS) == set(SOURCES)


def test_brings_what_was_published(connector: str, world: World) -> None:
    world.publish_many(1, 8)
    pulled = collect(connector, world)
    assert pulled.error is None
    assert pulled.texts == [f"Feedback {number}" for number in range(1, 9)]
    assert len(set(pulled.ids)) == 8
    assert {row.source for row in pulled.rows} == {"Our source"}
    assert {row.created_at.tzinfo for row in pulled.rows} == {UTC}
    assert max(row.created_at for row in pulled.rows) == min(row.created_at for row in pulled.rows) + timedelta(minutes=7)


def test_a_second_pull_brings_the_same_ids_and_no_others(connector: str, world: World) -> None:
    world.publish_many(1, 8)
    first = collect(connector, world)
    again, anew = collect(connector, world, first.cursor), collect(connector, world)
    assert set(again.ids) <= set(first.ids)
    assert set(anew.ids) == set(first.ids)


def test_the_cursor_brings_what_is_new(connector: str, world: World) -> None:
    world.publish_many(1, 5)
    first = collect(connector, world)
    world.publish_many(6, 9)
    second = collect(connector, world, first.cursor)
    assert {f"Feedback {number}" for number in range(6, 10)} <= set(second.texts)


def test_nothing_published_is_no_error(connector: str, world: World) -> None:
    pulled = collect(connector, world)
    assert (pulled.rows, pulled.error) == ([], None)


@pytest.mark.parametrize("pages", [1, 2, 3])
def test_a_worker_that_dies_after_any_page_loses_nothing(connector: str, world: World, pages: int) -> None:
    world.publish_many(1, 9)
    first = collect(connector, world, most_pages=pages)
    world.publish_many(10, 11)
    rest = collect(connector, world, first.cursor)
    assert {*first.texts, *rest.texts} == {f"Feedback {number}" for number in range(1, 12)}


@pytest.mark.parametrize("answers", [0, 1, 2])
def test_a_source_that_fails_in_the_middle_loses_nothing(connector: str, world: World, answers: int) -> None:
    world.publish_many(1, 2)
    before = collect(connector, world)
    world.publish_many(3, 9)
    world.answers_left = answers if world.server else None
    failed = collect(connector, world, before.cursor)
    world.answers_left = None
    healed = collect(connector, world, failed.cursor)
    assert failed.error is None or isinstance(failed.error, TransientError)
    assert {*before.texts, *failed.texts, *healed.texts} == {f"Feedback {number}" for number in range(1, 10)}


def test_a_broken_entry_is_reported_and_loses_nothing_beside_it(connector: str, world: World) -> None:
    world.publish_many(1, 2)
    world.publish(3, broken=True)
    world.publish(4)
    pulled = collect(connector, world)
    assert pulled.error is None
    assert pulled.texts == ["Feedback 1", "Feedback 2", "Feedback 4"]
    assert [bool(reject.reason) for reject in pulled.rejects] == [True]


def test_entries_that_are_all_broken_say_that_the_source_changed(connector: str, world: World) -> None:
    world.publish(1, broken=True)
    world.publish(2, broken=True)
    pulled = collect(connector, world)
    assert isinstance(pulled.error, SourceChanged) or len(pulled.rejects) == 2
    assert pulled.rows == []


def test_rubbish_says_that_the_source_changed(connector: str, world: World) -> None:
    world.is_rubbish = True
    world.publish(1)
    pulled = collect(connector, world)
    assert isinstance(pulled.error, SourceChanged) or len(pulled.rejects) == 1
    assert pulled.rows == []


def test_rubbish_moves_no_cursor(connector: str, world: World) -> None:
    world.publish_many(1, 3)
    good = collect(connector, world)
    world.is_rubbish = bool(world.server)
    bad = collect(connector, world, good.cursor)
    world.is_rubbish = False
    world.publish(4)
    assert "Feedback 4" in collect(connector, world, bad.cursor).texts


def test_no_text_is_longer_than_what_is_stored(connector: str, world: World) -> None:
    world.publish(1, "long " * 10_000)
    world.publish(2)
    pulled = collect(connector, world)
    assert pulled.error is None
    assert all(len(row.text) <= LONGEST_TEXT for row in pulled.rows)
    assert len(pulled.rows) + len(pulled.rejects) == 2


def test_a_cursor_that_cannot_be_read_starts_anew(connector: str, world: World) -> None:
    world.publish_many(1, 3)
    assert len(collect(connector, world, '{"broken').rows) == 3
    assert len(collect(connector, world, '{"x": {"since": "03/04/2026"}}').rows) == 3


def test_describes_itself_as_data(connector: str) -> None:
    spec = specs()[connector]
    assert (spec.name, spec.every_seconds >= 60) == (connector, True)
    assert all(option.description for option in spec.options)
    assert spec.description


def test_is_described_in_the_docs(connector: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "sources.md").read_text(encoding="utf-8")
    (line,) = [line for line in page.splitlines() if line.startswith(f"| `{connector}` |")]
    assert [option.name for option in connector_named(connector).options if f"`{option.name}`" not in line] == []


def test_refuses_unknown_and_missing_options_by_name(connector: str, world: World) -> None:
    source = connector_named(connector)
    with pytest.raises(InvalidInput, match="has no option 'nonsense'") as caught:
        validate_options(source, {**world.options, "nonsense": "x"})
    assert caught.value.field == "nonsense"
    for option in source.options:
        if option.required:
            with pytest.raises(InvalidInput, match=f"needs the option {option.name}, such as"):
                specs()[connector].check({**world.options, option.name: " "})


def test_a_connector_with_a_secret_says_where_it_is_sent(connector: str) -> None:
    options = connector_named(connector).options
    assert any(option.secret for option in options) == any(option.receives_secrets for option in options)


def test_secrets_show_nowhere(connector: str, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    secrets = {option.name: SECRET for option in connector_named(connector).options if option.secret}
    assert SECRET not in repr(filled_options(connector_named(connector), {**world.options, **secrets}))
    world.answers_left = 0
    world.publish(1)
    pulled = collect(connector, world)
    assert SECRET not in f"{pulled.error!r} {pulled.cursor} {capsys.readouterr()}"


def test_an_unknown_connector_names_those_there_are() -> None:
    with pytest.raises(InvalidInput, match="known are app_store, mastodon, rss, survey_folder"):
        connector_named("fax")


def test_a_private_address_is_refused(connector: str, world: World) -> None:
    if world.server is None:
        pytest.skip("reads no address")
    world.options = {name: value.replace("127.0.0.1", "localhost") for name, value in world.options.items()}
    assert isinstance(collect(connector, world).error, PermanentError)
    assert world.server.asked == []
