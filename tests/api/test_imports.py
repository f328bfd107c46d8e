"""/v1/imports: a file arrives whole or not at all, in a form or by itself, and is left to the workers."""

import json
from typing import Any

import pytest

from core.nudges import Stage
from store.database import Database
from store.imports import read_bytes
from tests.api.client import Client, in_pieces

CSV = b"Comment;Plan\r\nit came late;pro\r\n"
PLAIN = {"Content-Type": "text/csv"}


def stored_bytes(database: Database, import_id: str) -> bytes:
    with database.read() as connection:
        return b"".join(read_bytes(connection, import_id))


def test_a_form_with_mapping_and_file_is_queued(api: Client, database: Database, nudges: list[Stage]) -> None:
    mapping = {"Comment": "text", "Plan": "attributes.plan"}
    answer = api.post("/v1/imports", data={"source": "survey", "mapping": json.dumps(mapping)}, files={"file": ("../../März.csv", CSV)})
    assert (answer.status_code, nudges) == (202, ["import"])
    shown = answer.json()
    assert {name: shown[name] for name in ("id", "filename", "source", "state", "mapping", "bytes_total", "rejects")} == {
        "id": "1",
        "filename": "März.csv",
        "source": "survey",
        "state": "queued",
        "mapping": mapping,
        "bytes_total": len(CSV),
        "rejects": [],
    }
    assert stored_bytes(database, "1") == CSV


def test_a_body_that_is_the_file_is_queued(api: Client, database: Database) -> None:
    content = CSV * 70_000
    pieces = [content[start : start + 65_536] for start in range(0, len(content), 65_536)]
    answer = api.post("/v1/imports?filename=a.csv&source=shop", content=in_pieces(*pieces), headers=PLAIN)
    assert (answer.status_code, answer.json()["source"], answer.json()["bytes_total"]) == (202, "shop", len(content))
    assert stored_bytes(database, "1") == content


def test_progress_and_list_are_shown(api: Client) -> None:
    for name in ("a.csv", "b.csv"):
        api.post(f"/v1/imports?filename={name}", content=CSV, headers=PLAIN)
    assert [row["filename"] for row in api.get("/v1/imports").json()["data"]] == ["b.csv", "a.csv"]
    assert (api.get("/v1/imports/2").json()["rows_read"], api.get("/v1/imports/3").status_code) == (0, 404)


@pytest.mark.parametrize("announced", [True, False])
def test_a_file_over_the_cap_is_refused_and_nothing_of_it_stays(api: Client, announced: bool) -> None:  # noqa: FBT001
    parts = [b"x" * 1024 * 1024] * 4
    content: Any = b"".join(parts) if announced else in_pieces(*parts)
    answer = api.post("/v1/imports?filename=a.csv", content=content, headers=PLAIN)
    assert (answer.status_code, answer.json()["detail"]) == (413, "The body is larger than 3 MiB, which is the most that this call takes")
    assert api.get("/v1/imports").json()["data"] == []


@pytest.mark.parametrize(
    ("options", "field", "reason"),
    [
        ({"content": CSV, "headers": PLAIN}, "filename", ".csv, .tsv, .xlsx, .jsonl, .parquet"),
        ({"content": CSV, "headers": PLAIN, "params": {"filename": "../"}}, "filename", "a name"),
        ({"content": b"", "headers": PLAIN, "params": {"filename": "a.csv"}}, "file", "empty"),
        ({"files": {"file": ("a.csv", b"")}}, "file", "empty"),
        ({"files": [("file", ("a.csv", CSV)), ("file", ("b.csv", CSV))]}, "file", "one file"),
        ({"files": [("source", (None, "shop"))]}, "file", "no file"),
        ({"files": [("file", ("a.csv", CSV)), ("source", (None, "shop"))]}, "source", "before the file"),
        ({"files": [("sauce", (None, "shop")), ("file", ("a.csv", CSV))]}, "sauce", "valid are source, mapping"),
        ({"files": [("source", (None, " ")), ("file", ("a.csv", CSV))]}, "source", "1 to 100"),
        ({"content": CSV, "headers": PLAIN, "params": {"filename": "a.csv", "mapping": '{"a": "weather"}'}}, "mapping", "valid are text"),
        ({"content": CSV, "headers": PLAIN, "params": {"filename": "a.csv", "mapping": "[1]"}}, "mapping", "object"),
        ({"content": CSV, "headers": PLAIN, "params": {"filename": "a.csv", "mapping": "{"}}, "mapping", "not JSON"),
        ({"content": CSV, "headers": PLAIN, "params": {"filename": "a.csv", "mapping": '{"a": 1}'}}, "mapping", "valid are text"),
    ],
)
def test_what_is_no_upload_is_told_why_and_leaves_nothing(api: Client, options: dict[str, Any], field: str, reason: str) -> None:
    answer = api.post("/v1/imports", **options)
    assert answer.status_code == 422, answer.text
    assert ([fault["field"] for fault in answer.json()["errors"]], reason in answer.json()["detail"]) == ([field], True), answer.text
    assert api.get("/v1/imports").json()["data"] == []


@pytest.mark.parametrize("target", ["scores", "attributes", "attributes.", "text.foo", "author.email", "rating/0", "rating/ten"])
def test_a_mapping_that_the_reader_would_refuse_is_refused_before_the_file_is_taken(api: Client, target: str) -> None:
    options: dict[str, Any] = {"params": {"filename": "a.csv", "mapping": json.dumps({"Plan": target})}, "headers": PLAIN}
    answer = api.post("/v1/imports", content=CSV, **options)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "mapping")
    assert (repr(target) in answer.json()["detail"], "author.name" in answer.json()["detail"]) == (True, True)
    assert api.get("/v1/imports").json()["data"] == []


def test_two_columns_of_one_field_are_refused(api: Client) -> None:
    for mapping in ({"Comment": "text", "Plan": "text"}, {"Comment": "rating/10", "Plan": "rating"}):
        answer = api.post("/v1/imports", content=CSV, params={"filename": "a.csv", "mapping": json.dumps(mapping)}, headers=PLAIN)
        assert (answer.status_code, "'Comment' and 'Plan' are both mapped to" in answer.json()["detail"]) == (422, True)


def test_a_mapping_that_the_reader_takes_is_taken(api: Client) -> None:
    mapping = {"Stars": "rating/10", "NPS": "nps", "Who": "author", "Plan": " attributes.plan", "Row": ""}
    answer = api.post("/v1/imports", content=CSV, params={"filename": "a.csv", "mapping": json.dumps(mapping)}, headers=PLAIN)
    assert answer.status_code == 202, answer.text
    assert answer.json()["mapping"] == {
        "Stars": "rating/10", "NPS": "scores.nps", "Who": "author.name", "Plan": "attributes.plan", "Row": "",
    }  # fmt: skip


def test_a_form_that_is_cut_off_leaves_nothing(api: Client) -> None:
    body = b'--X\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n' + CSV
    answer = api.post("/v1/imports", content=body, headers={"Content-Type": "multipart/form-data; boundary=X"})
    assert (answer.status_code, "ends too early" in answer.json()["detail"]) == (422, True)
    assert api.get("/v1/imports").json()["data"] == []
