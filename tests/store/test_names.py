"""Names for people, on both databases: the reader's language where there is one, and never an id that has a name."""

from store.brands import create_brand
from store.database import Database
from store.names import names
from store.records import CustomTopic, Workspace
from store.topics import add_topic, hide_topics
from store.workspaces import create_workspace
from tests.builders import NOW

BUILT_IN = {"delivery": {"en": "Delivery", "ja": "配送"}}


def test_brands_and_topics_are_called_as_the_reader_calls_them(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        brand = create_brand(connection, workspace.id, name="Delta", query="delta", now=NOW)
        add_topic(connection, workspace.id, CustomTopic("loyalty", None, (("en", "Loyalty"), ("ja", "ポイント")), (), ()), NOW)
        add_topic(connection, workspace.id, CustomTopic("wifi", None, (("de", "WLAN"),), (), ()), NOW)
        japanese, english = (names(connection, workspace.id, BUILT_IN, language) for language in ("ja", "en"))
    assert japanese == {"delivery": "配送", "loyalty": "ポイント", "wifi": "WLAN", brand.id: "Delta"}
    assert english == {"delivery": "Delivery", "loyalty": "Loyalty", "wifi": "WLAN", brand.id: "Delta"}


def test_a_topic_that_is_hidden_now_keeps_its_name(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        hide_topics(connection, workspace.id, frozenset({"delivery"}))
        assert names(connection, workspace.id, BUILT_IN, "ja") == {"delivery": "配送"}


def test_nobody_reads_the_names_of_another_workspace(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        add_topic(connection, workspace.id, CustomTopic("loyalty", None, (("en", "Loyalty"),), (), ()), NOW)
        other = create_workspace(connection, "other", NOW)
        assert names(connection, other.id, BUILT_IN, "en") == {"delivery": "Delivery"}
