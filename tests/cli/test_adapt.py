"""koe adapt: labels of one's own change the answers of one workspace, and only where that is better."""

import json
from pathlib import Path

import pytest

from store.annotations import correct_feedback
from store.corrections import corrected_texts
from store.database import Database
from store.feedback import get_feedback
from store.records import Labels, Sentiment
from store.workspaces import find_workspace
from tests.builders import NOW, a_new_feedback, an_annotation, store_annotated
from tests.cli.conftest import Koe, Outcome

SAID: list[tuple[str, Sentiment]] = [
    ("My parcel number {} came late.", "neutral"),
    ("I love number {}!", "negative"),
    ("It is number {}.", "positive"),
]
"""What nobody else would say of such texts: the shared model is wrong about all of them."""
ROWS = [{"text": text.format(number), "sentiment": sentiment} for number in range(14) for text, sentiment in SAID]
pytestmark = pytest.mark.usefixtures("bundled_model")


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "labels.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


def with_complaints(path: Path) -> None:
    """Labels of nothing but complaints, which the shared model is wrong about too."""
    rows = [{"text": row["text"], "complaint": row["text"].startswith("I love")} for row in ROWS]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def classified(quick: Koe, tmp_path: Path, *options: str) -> tuple[str, str]:
    path = tmp_path / "texts.txt"
    path.write_text("My parcel number 99 came late.\n")
    annotation = json.loads(quick("classify", path, *options).out)["annotation"]
    return annotation["sentiment"]["label"], annotation["model"]


def adapted(quick: Koe, *arguments: str | Path) -> tuple[Outcome, dict[str, object]]:
    outcome = quick("adapt", *arguments, "--json")
    return outcome, json.loads(outcome.out)


def test_labels_take_effect_in_one_workspace_and_can_be_undone(quick: Koe, labels: Path, tmp_path: Path) -> None:
    shared = classified(quick, tmp_path)
    outcome, said = adapted(quick, labels)
    assert (outcome.code, said["adaptation"], said["left_out"]) == (0, 1, [])
    assert [one["taken"] for one in said["tasks"]] == [True, False, False]  # type: ignore[attr-defined]
    assert classified(quick, tmp_path, "--workspace", "default") == ("neutral", f"{shared[1]}+a1")
    assert classified(quick, tmp_path) == shared
    assert adapted(quick, labels)[1]["adaptation"] is None  # they are learned
    with_complaints(labels)
    assert adapted(quick, labels)[1]["adaptation"] == 2
    assert classified(quick, tmp_path, "--workspace", "default") == ("neutral", f"{shared[1]}+a2")
    assert [line.split()[0::4] for line in quick("adapt", "--list").out.splitlines()[1:]] == [["a2", "force"], ["a1"]]
    assert quick("adapt", "--undo").out == "a2 is undone; a1 is in force\n"
    assert json.loads(quick("adapt", "--undo", "--json").out) == {"undone": 1, "in_force": None}
    assert classified(quick, tmp_path, "--workspace", "default") == shared
    assert [one["state"] for one in json.loads(quick("adapt", "--list", "--json").out)] == ["undone", "undone"]


def test_says_what_it_decided_and_why(quick: Koe, labels: Path) -> None:
    outcome = quick("adapt", labels, "--dry-run")
    assert "42 labelled texts" in outcome.out
    assert "takes effect: better on texts held out" in outcome.out
    assert "stays as it was: no labels" in outcome.out
    assert outcome.out.endswith("nothing was changed (--dry-run)\n")
    assert json.loads(quick("adapt", "--list", "--json").out) == []


def test_bad_rows_are_named_and_the_others_are_used(quick: Koe, labels: Path) -> None:
    with labels.open("a") as file:
        file.write('{"text": "x", "sentiment": "angry"}\n')
    outcome = quick("adapt", labels, "--dry-run")
    assert outcome.code == 1
    assert "left out: line 43: sentiment must be one of" in outcome.err


def test_without_labels_nothing_is_done(quick: Koe, tmp_path: Path) -> None:
    assert quick("adapt").err == "koe: workspace default has no corrections: nothing to learn from\n"
    path = tmp_path / "none.jsonl"
    path.write_text('{"text": "x"}\n')
    outcome = quick("adapt", path)
    assert (outcome.code, "nothing to learn from; line 1: no label" in outcome.err) == (2, True)
    assert "one of them" in quick("adapt", path, "--undo").err
    assert "no adaptation of this model in force" in quick("adapt", "--undo").err


def test_corrections_are_learned_beside_what_nobody_corrected(quick: Koe, stored: Database, tmp_path: Path) -> None:
    quick("workspaces", "list")
    with stored.write() as connection:
        workspace = find_workspace(connection, "default")
        assert workspace is not None
        late = [(a_new_feedback(f"My parcel number {number} came late."), an_annotation("negative", [])) for number in range(40)]
        others = [(a_new_feedback(f"I love number {number}!"), an_annotation("positive", [])) for number in range(40)]
        plain = [(a_new_feedback(f"It is number {number}."), an_annotation("neutral", [])) for number in range(40)]
        rude = [(a_new_feedback(f"Clerk number {number} was awfully rude."), an_annotation("negative", [])) for number in range(40)]
        rows = store_annotated(connection, workspace.id, [*late, *others, *plain, *rude])
        for row in rows[:40]:
            correct_feedback(connection, workspace.id, row.id, Labels(sentiment="positive"), actor="key 1", now=NOW)
        assert len(list(corrected_texts(connection, workspace.id))) == 40
    outcome, said = adapted(quick)
    assert (outcome.code, said["texts"], said["unquestioned"], said["adaptation"]) == (0, 40, 120, 1)
    assert [one["reason"] for one in said["tasks"]][1] == "no labels"  # type: ignore[attr-defined]
    assert classified(quick, tmp_path, "--workspace", "default")[0] == "positive"
    with stored.read() as connection:
        assert get_feedback(connection, workspace.id, rows[40].id).annotation == others[0][1]
