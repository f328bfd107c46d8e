"""koe reannotate: asked for, shown, stopped and waited for; with --shadow it only compares, and nothing is changed by asking."""

import json
from collections.abc import Sequence
from datetime import timedelta

import pytest

from nlp.annotator import Annotator, TextInput
from store.annotations import correct_feedback
from store.database import Database
from store.feedback import get_feedback
from store.model_changes import current_model
from store.records import Annotation, Feedback, Labels
from store.rollups import totals
from store.workspaces import find_workspace
from tests.builders import NOW, a_new_feedback, an_annotation, store_annotated
from tests.cli.conftest import Koe

LATE, LOVED = "The parcel came two weeks late and nobody answers.", "I love this shop, thank you so much!"
pytestmark = pytest.mark.usefixtures("bundled_model")


def put(quick: Koe, stored: Database, *said: tuple[str, Annotation]) -> tuple[str, list[Feedback]]:
    quick("workspaces", "list")
    with stored.write() as connection:
        workspace = find_workspace(connection, "default")
        assert workspace is not None
        rows = [(a_new_feedback(text, hours_ago=100 - at), annotation) for at, (text, annotation) in enumerate(said)]
        return workspace.id, store_annotated(connection, workspace.id, rows)


def shadowed(quick: Koe, *options: str) -> dict[str, object]:
    outcome = quick("reannotate", "--shadow", "--json", *options)
    assert outcome.code == 0, outcome.err
    found: dict[str, object] = json.loads(outcome.out)
    return found


def answers(annotator: Annotator, texts: Sequence[str]) -> list[Annotation]:
    return annotator.annotate([TextInput(text) for text in texts])


def test_what_the_present_model_said_itself_does_not_change(quick: Koe, stored: Database, annotator: Annotator) -> None:
    put(quick, stored, *zip([LATE, LOVED], answers(annotator, [LATE, LOVED]), strict=True))
    found = shadowed(quick)
    assert (found["sample"], found["stored"]) == ("newest", [{"model": annotator.model, "taxonomy": "1", "texts": 2}])
    overall = found["overall"]
    assert isinstance(overall, dict)
    assert [overall[name]["rate"] for name in ("sentiment", "complaint", "emotion")] == [0.0, 0.0, 0.0]
    assert (overall["topics"]["changed"], found["examples"]) == (0, {})


def test_reports_what_would_turn_and_changes_nothing(quick: Koe, stored: Database) -> None:
    wrong = an_annotation("positive", ["app"])
    workspace, rows = put(quick, stored, (LATE, wrong), (LOVED, an_annotation("positive", [])))
    found = shadowed(quick)
    overall, examples = found["overall"], found["examples"]
    assert isinstance(overall, dict)
    assert isinstance(examples, dict)
    assert overall["sentiment"] == {"compared": 2, "flipped": 1, "rate": 0.5}
    assert examples["sentiment"] == [rows[0].id]
    assert overall["topics"]["removed"] == 1
    with stored.read() as connection:
        assert get_feedback(connection, workspace, rows[0].id).annotation == wrong
        assert current_model(connection, workspace) == (wrong.model, wrong.taxonomy)


def test_a_humans_word_is_counted_apart(quick: Koe, stored: Database) -> None:
    workspace, rows = put(quick, stored, (LATE, an_annotation("negative", [])))
    with stored.write() as connection:
        correct_feedback(connection, workspace, rows[0].id, Labels(sentiment="positive"), actor="key 1", now=NOW)
    found = shadowed(quick)
    overall = found["overall"]
    assert isinstance(overall, dict)
    assert (found["corrected"], overall["texts"], overall["sentiment"]["compared"]) == (1, 1, 0)


def test_takes_the_newest_and_never_shows_a_text(quick: Koe, stored: Database) -> None:
    put(quick, stored, (LATE, an_annotation("positive")), (LOVED, an_annotation("negative")))
    outcome = quick("reannotate", "--shadow", "--limit", "1")
    assert "the newest 1 annotated texts" in outcome.out
    assert "1 are annotated by koe-test-1 (taxonomy 1)" in outcome.out
    assert [line.split()[:4] for line in outcome.out.splitlines() if line.startswith("all")] == [["all", "1", "100.0", "%"]]
    assert not any(text in outcome.out + outcome.err for text in (LATE, LOVED))


def test_says_what_is_missing(quick: Koe) -> None:
    outcome = quick("reannotate", "--shadow")
    assert (outcome.code, "no annotated feedback" in outcome.err) == (2, True)
    assert "no workspace 'nobody'" in quick("reannotate", "--shadow", "--workspace", "nobody").err


def reannotated(quick: Koe, *options: str) -> dict[str, object]:
    outcome = quick("reannotate", "--json", *options)
    assert outcome.code == 0, outcome.err
    found: list[dict[str, object]] = json.loads(outcome.out)
    return found[0]


def test_without_workers_it_does_the_work_itself_while_somebody_waits(quick: Koe, stored: Database, annotator: Annotator) -> None:
    workspace, rows = put(quick, stored, (LATE, an_annotation("positive", [])), (LOVED, an_annotation("negative", [])))
    with stored.write() as connection:
        correct_feedback(connection, workspace, rows[1].id, Labels(complaint=True), actor="key 1", now=NOW)
    done = reannotated(quick, "--wait")
    assert (done["workspace"], done["state"], done["model"], done["outdated"]) == ("default", "done", annotator.model, 0)
    with stored.read() as connection:
        late, loved = (get_feedback(connection, workspace, row.id).annotation for row in rows)
        counted = totals(connection, workspace, NOW - timedelta(days=30), NOW)[""]
    assert late is not None
    assert loved is not None
    assert (late.sentiment.label, loved.sentiment.label, loved.complaint.label) == ("negative", "positive", True)
    assert (counted.negative, counted.positive, counted.complaint) == (1, 1, 1 + late.complaint.label)


def test_is_asked_for_shown_and_stopped(quick: Koe, stored: Database) -> None:
    put(quick, stored, (LATE, an_annotation("positive", [])))
    outcome = quick("reannotate", "--since", "2026-01-01")
    assert "no worker runs: it begins when one does" in outcome.err
    shown = reannotated(quick, "--status")
    assert (shown["state"], shown["since"], shown["outdated"]) == ("asked", "2026-01-01T00:00:00Z", 0)
    assert quick("reannotate", "--status").out.split()[11:14] == ["default", "asked", "koe-test-1"]
    assert reannotated(quick, "--stop", "--workspace", "default")["state"] == "stopped"


def test_says_which_options_go_together(quick: Koe) -> None:
    assert "one of --shadow, --status, --stop and --wait" in quick("reannotate", "--status", "--stop").err
    assert "--model and --limit belong to --shadow" in quick("reannotate", "--model", "other").err
    assert "--since" in quick("reannotate", "--status", "--since", "2026-01-01").err
    assert "03/04/2026" in quick("reannotate", "--since", "03/04/2026").err
