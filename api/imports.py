"""/v1/imports: files of feedback, taken as they arrive and read by the workers; progress, mapping and rejected rows are shown."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from pathlib import PurePath
from typing import Annotated, Literal

import anyio
from anyio import to_thread
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from api.auth import Ingester, Reader
from api.bodies import MIB, media_type, parse_json, pieces
from api.multipart import Field as FormField
from api.multipart import FileStart, read_form
from api.paging import DEFAULT_LIMIT, Cursor, Limit, Page, page_of
from api.route import Route
from api.schemas import EVERY_CALL, Out, problems
from api.services import Services, With
from core.errors import InvalidInput
from store.imports import append_bytes, complete_upload, create_import, delete_import, get_import, list_imports
from store.intake import check_mapping
from store.records import Import

router = APIRouter(prefix="/v1/imports", tags=["imports"], route_class=Route, responses=problems(*EVERY_CALL))
CHUNK = MIB
FILE_TYPES = ".csv, .tsv, .xlsx, .jsonl, .parquet, or one of them with .gz"
FORM = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "source": {"type": "string", "description": "Before the file."},
                    "mapping": {"type": "string", "description": "JSON, before the file."},
                    "file": {"type": "string", "format": "binary"},
                },
            }
        },
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
    },
}


class RejectedOut(Out):
    line: int
    reason: str
    field: str | None


class ImportOut(Out):
    id: str
    filename: str
    source: str
    state: Literal["uploading", "queued", "running", "done", "failed"]
    mapping: dict[str, str] = Field(
        description="Column of the file -> field of feedback, or `attributes.x`, or '' for ignored. Guessed where none was given."
    )
    bytes_total: int
    rows_read: int
    created: int
    updated: int
    unchanged: int
    erased: int = Field(description="Rows that were erased on request earlier, and stay away.")
    rejected: int
    rejects: list[RejectedOut] = Field(description="The first 1000.")
    error: str | None
    created_at: datetime
    finished_at: datetime | None


class Order(BaseModel):
    """What to do with a file."""

    source: str = "import"
    mapping: dict[str, str] = {}


@router.post("", status_code=202, summary="Upload a file of feedback", responses=problems(413, 415), openapi_extra={"requestBody": FORM})
async def upload_file(
    *,
    request: Request,
    caller: Ingester,
    services: With,
    filename: Annotated[str | None, Query(max_length=255, description="Of a body that is the file itself.")] = None,
    source: Annotated[str, Query(min_length=1, max_length=100, description="For rows that name none.")] = "import",
    mapping: Annotated[str | None, Query(max_length=20_000, description='JSON: {"column": "field or attributes.x or empty"}')] = None,
) -> ImportOut:
    """The file in a form (`file`), or the body itself with `?filename=`. The workers read it; GET the import shows how far they are."""
    body = pieces(request, services.settings.max_upload_mb * MIB)
    upload = Upload(services, caller.workspace_id, source.strip() or "import", read_mapping(mapping))
    async with upload.kept_or_discarded():
        if media_type(request) == "multipart/form-data":
            await take_form(upload, request.headers["content-type"], body)
        else:
            await upload.begin(filename)
            async for piece in body:
                await upload.add(piece)
        return ImportOut.model_validate(await upload.finish())


async def take_form(upload: "Upload", content_type: str, body: AsyncIterator[bytes]) -> None:
    """Raises InvalidInput for a form that is not `source`, `mapping` and then one `file`."""
    async for event in read_form(content_type, body):
        match event:
            case FormField(name, value):
                upload.order(name, value)
            case FileStart(filename):
                await upload.begin(filename)
            case bytes():
                await upload.add(event)


class Upload:
    """One file on its way into the database, a mebibyte at a time."""

    def __init__(self, services: Services, workspace_id: str, source: str, mapping: Mapping[str, str]) -> None:
        self._services = services
        self._workspace_id = workspace_id
        self._source = source
        self._mapping = mapping
        self._id: str | None = None
        self._number = 0
        self._buffer = bytearray()

    @contextlib.asynccontextmanager
    async def kept_or_discarded(self) -> AsyncIterator[None]:
        """Whatever breaks the upload off (a bad form, a client that hangs up), no half file stays."""
        try:
            yield
        except BaseException:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(self._discard)
            raise

    def order(self, name: str, value: str) -> None:
        """Take a field of the form. Raises InvalidInput for an unknown one, or one that comes after the file."""
        if name not in {"source", "mapping"}:
            raise InvalidInput(f"unknown field {name[:40]!r} of the form; valid are source, mapping and then file", field=name[:80])
        if self._id is not None:
            raise InvalidInput(f"{name} must stand before the file in the form", field=name)
        if name == "mapping":
            self._mapping = read_mapping(value)
        elif not 1 <= len(value.strip()) <= 100:
            raise InvalidInput("source must have 1 to 100 characters", field="source")
        else:
            self._source = value.strip()

    async def begin(self, filename: str | None) -> None:
        """Raises InvalidInput without a name, which says of what type the file is, and for a second file."""
        name = PurePath((filename or "").replace("\\", "/")).name.strip()
        if name in {"", ".."} or len(name) > 255:
            raise InvalidInput(
                f"the file needs a name that says its type ({FILE_TYPES}): a form's file has one, a plain body takes ?filename=",
                field="filename",
            )
        if self._id is not None:
            raise InvalidInput("one file at a time, please", field="file")
        self._id = await to_thread.run_sync(self._create, name)

    async def add(self, content: bytes) -> None:
        self._buffer += content
        if len(self._buffer) >= CHUNK and self._id is not None:
            await to_thread.run_sync(self._append, self._id)

    async def finish(self) -> Import:
        """Raises InvalidInput when no file came, or an empty one."""
        if self._id is None:
            raise InvalidInput("no file came; the form's part `file` holds it, or the body itself with ?filename=", field="file")
        if self._buffer:
            await to_thread.run_sync(self._append, self._id)
        if self._number == 0:
            raise InvalidInput("the file is empty", field="file")
        return await to_thread.run_sync(self._complete, self._id)

    def _create(self, name: str) -> str:
        with self._services.database.write() as connection:
            made = create_import(
                connection, self._workspace_id, filename=name, source=self._source, mapping=self._mapping, now=self._services.clock()
            )
        return made.id

    def _append(self, import_id: str) -> None:
        with self._services.database.write() as connection:
            append_bytes(connection, import_id, self._number, bytes(self._buffer))
        self._number += 1
        self._buffer.clear()

    def _complete(self, import_id: str) -> Import:
        with self._services.database.write() as connection:
            complete_upload(connection, self._workspace_id, import_id)
            made = get_import(connection, self._workspace_id, import_id)
        self._services.nudge("import")
        return made

    def _discard(self) -> None:
        if self._id is not None:
            with self._services.database.write() as connection:
                delete_import(connection, self._workspace_id, self._id)


def read_mapping(text: str | None) -> dict[str, str]:
    """Column -> field, as the reader of the file will take it. Raises InvalidInput for what it would refuse."""
    if text is None or not text.strip():
        return {}
    value = parse_json(text.encode("utf-8", "replace"), field="mapping")
    if not isinstance(value, dict) or len(value) > 500:
        raise InvalidInput('mapping must be an object such as {"Comment": "text", "Plan": "attributes.plan", "Row": ""}', field="mapping")
    return check_mapping(value)


@router.get("", summary="All imports, newest first")
def list_all(caller: Reader, services: With, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[ImportOut]:
    with services.database.read() as connection:
        found = list_imports(connection, caller.workspace_id)
    rows, following = page_of(found, limit, cursor, lambda row: row.id, newest_first=True)
    return Page(data=[ImportOut.model_validate(row) for row in rows], next=following)


@router.get("/{import_id}", summary="Mapping, progress and rejected rows of one import", responses=problems(404))
def show_import(import_id: str, caller: Reader, services: With) -> ImportOut:
    with services.database.read() as connection:
        return ImportOut.model_validate(get_import(connection, caller.workspace_id, import_id))
