"""What is known around a text: the author's earlier ones, and the language that its source was configured with."""

from collections.abc import Sequence

from sqlalchemy import event

from store.circumstances import EARLIER, SHORT, load_circumstances
from store.database import Database
from store.feedback import add_new, load_annotated
from store.records import Author, Circumstances, EarlierText, Feedback, NewFeedback, Workspace
from store.secrets import Vault
from store.sources import create_source
from store.workspaces import create_workspace
from tests.builders import NOW, a_new_feedback

ANA = Author(id="ana")


def by(author: Author | None, text: str, *, source: str = "shop", language: str | None = None) -> NewFeedback:
    return NewFeedback(text=text, created_at=NOW, source=source, author=author, language=language)


def put(database: Database, workspace: Workspace, rows: Sequence[NewFeedback]) -> list[Feedback]:
    with database.write() as connection:
        ids = [int(one.id) for one in add_new(connection, workspace.id, rows, now=NOW, live=True)]
        return [one.feedback for one in load_annotated(connection, workspace.id, ids)]


def circumstances(database: Database, rows: Sequence[Feedback]) -> list[Circumstances]:
    with database.read() as connection:
        return load_circumstances(connection, rows)


def test_an_author_is_known_by_the_last_texts_in_the_same_source(database: Database, workspace: Workspace) -> None:
    rows = put(database, workspace, [by(ANA, f"text {number}") for number in range(6)])
    found = [[earlier.text for earlier in one.earlier] for one in circumstances(database, rows)]
    assert found == [[], ["text 0"], ["text 1", "text 0"], *(["text 2", "text 1", "text 0"][:EARLIER],)] + [
        [f"text {number - back}" for back in range(1, EARLIER + 1)] for number in (4, 5)
    ]


def test_others_do_not_speak_for_an_author(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        other = create_workspace(connection, "other", NOW)
    put(database, other, [by(ANA, "another tenant's")])
    strangers = [
        by(ANA, "another source's", source="blog"),
        by(Author(id="ben"), "Ben's"),
        by(None, "nobody's"),
        by(Author(name="ana"), "x"),
    ]
    *_, last = put(database, workspace, [*strangers, by(ANA, "最高")])
    assert circumstances(database, [last]) == [Circumstances()]


def test_what_the_sender_said_of_an_earlier_text_comes_along(database: Database, workspace: Workspace) -> None:
    *_, last = put(database, workspace, [by(ANA, "x" * 5_000, language="ja"), by(ANA, "最高")])
    (earlier,) = circumstances(database, [last])[0].earlier
    assert (earlier.language, len(earlier.text)) == ("ja", 300)


def test_a_long_text_and_one_of_known_language_need_no_author(database: Database, workspace: Workspace) -> None:
    texts = [by(ANA, "first"), by(ANA, "x" * SHORT), by(ANA, "x" * (SHORT + 1)), by(ANA, "最高", language="ja")]
    rows = put(database, workspace, texts)
    assert [bool(one.earlier) for one in circumstances(database, rows)] == [False, True, False, False]


def test_a_source_speaks_the_language_of_its_options(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        other = create_workspace(connection, "other", NOW)
        for place, name, language in ((workspace, "Umfrage", "de"), (other, "Umfrage", "fr"), (workspace, "blog", None)):
            options = {"url": "https://a.example"} | ({"language": language} if language else {})
            create_source(
                connection,
                place.id,
                name=name,
                connector="rss",
                options=options,
                every_seconds=60,
                now=NOW,
                vault=Vault("a secret for tests alone"),
            )
    rows = [put(database, place, [a_new_feedback("ok", source=name)])[0] for place in (workspace, other) for name in ("Umfrage", "blog")]
    assert [one.source_language for one in circumstances(database, rows)] == ["de", None, "fr", None]


def test_asks_two_questions_for_any_number_of_rows(database: Database, workspace: Workspace) -> None:
    rows = put(database, workspace, [by(Author(id=f"author {number % 20}"), f"text {number}") for number in range(100)])
    asked = list[str]()
    with database.read() as connection:
        event.listen(connection.engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
        found = load_circumstances(connection, rows)
        assert len(asked) == 2
    assert found[99].earlier[0] == EarlierText("text 79")


def test_nothing_is_known_around_no_rows(database: Database) -> None:
    assert circumstances(database, []) == []
