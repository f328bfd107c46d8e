"""From an error to its answer: one table of HTTP statuses, and RFC 9457 `application/problem+json` for everything that goes wrong."""

import http
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from core.errors import Conflict, InvalidInput, KoeError, NotFound, Overloaded, PermanentError, TransientError
from core.logs import get_logger
from store.records import KeyScope

log = get_logger(__name__)
MEDIA_TYPE = "application/problem+json"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
RETRY_AFTER_SECONDS = 2.0
"""What a client is told to wait where the error itself does not say: a start, or a database that is busy."""


class Unauthorized(PermanentError):
    """No key, or one that is not known here."""


class Forbidden(PermanentError):
    """The key is known and lacks `scope`."""

    def __init__(self, message: str, *, scope: KeyScope | None = None) -> None:
        super().__init__(message)
        self.scope = scope


class TooLarge(PermanentError):
    """More bytes than the call takes."""


class UnsupportedType(PermanentError):
    """A body of a media type that the call does not read."""


class NotReady(TransientError):
    """The model is still being loaded."""


class ClientGone(PermanentError):
    """The client hung up: nobody reads the answer, and the work for it was stopped."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How one class of errors is answered; `slug` ends the problem's type."""

    status: int
    slug: str
    title: str


KINDS: dict[type[KoeError], Kind] = {
    InvalidInput: Kind(422, "invalid-input", "What was sent is not valid"),
    NotFound: Kind(404, "not-found", "Not found"),
    Conflict: Kind(409, "conflict", "Clashes with what is stored"),
    Unauthorized: Kind(401, "unauthorized", "A valid key is needed"),
    Forbidden: Kind(403, "forbidden", "The key may not do this"),
    TooLarge: Kind(413, "too-large", "Too large"),
    UnsupportedType: Kind(415, "unsupported-media-type", "Unsupported media type"),
    ClientGone: Kind(499, "client-gone", "The client hung up"),
    Overloaded: Kind(429, "overloaded", "Too many texts are waiting"),
    TransientError: Kind(503, "unavailable", "Try again"),
}
"""The table. A subclass is answered as its nearest listed ancestor; a class outside it is a 500 without details."""


def kind_of(error: KoeError) -> Kind | None:
    return next((KINDS[parent] for parent in type(error).__mro__ if parent in KINDS), None)


def problem(
    status: int,
    slug: str,
    title: str,
    detail: str,
    *,
    members: dict[str, object] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """One answer in the form of RFC 9457; `members` are its extensions."""
    content = {"type": f"urn:koe:{slug}", "title": title, "status": status, "detail": detail, **(members or {})}
    # Messages quote what was sent: a lone surrogate in it has no UTF-8 and must not break the answer that says so.
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return Response(body, status, headers, media_type=MEDIA_TYPE)


def answer_koe_error(request: Request, error: Exception) -> Response:
    """The answer to an error that Koe raised on purpose."""
    if not isinstance(error, KoeError):
        raise error
    kind = kind_of(error)
    if kind is None:
        return answer_crash(request, error)
    members: dict[str, object] = {}
    headers: dict[str, str] = {}
    if isinstance(error, InvalidInput) and error.field:
        members["errors"] = [{"field": error.field, "message": str(error)}]
    if isinstance(error, Forbidden) and error.scope:
        members["scope"] = error.scope
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = 'Bearer realm="koe"'
    if isinstance(error, TransientError):
        seconds = error.retry_after if isinstance(error, Overloaded) else RETRY_AFTER_SECONDS
        headers["Retry-After"] = str(max(1, math.ceil(seconds)))
    # What a database says of itself (its address, for one) is for the log.
    known = isinstance(error, PermanentError | Overloaded | NotReady)
    if not known:
        log.warning("request.unavailable", error=str(error))
    detail = str(error) if known else "The database does not answer in time; try again"
    return problem(kind.status, kind.slug, kind.title, detail, members=members, headers=headers)


def answer_validation(request: Request, error: Exception) -> Response:
    """The answer to a body or parameters that do not fit the schema; the values themselves are not repeated."""
    if not isinstance(error, RequestValidationError):
        raise error
    kind = KINDS[InvalidInput]
    expected = body_of(request)
    faults = [{"field": _place(fault["loc"]), "message": _sentence(fault, expected)} for fault in error.errors()[:100]]
    detail = "; ".join(f"{fault['field']}: {fault['message']}" if fault["field"] else fault["message"] for fault in faults[:3])
    return problem(kind.status, kind.slug, kind.title, detail or kind.title, members={"errors": faults})


def answer_http_error(request: Request, error: Exception) -> Response:
    """The answer to what the framework itself refuses: no such path, no such method."""
    if not isinstance(error, HTTPException):
        raise error
    status = error.status_code
    phrase = http.HTTPStatus(status).phrase
    detail = {404: "No such call; GET /docs lists all of them", 405: "This path has other methods; see Allow"}.get(
        status, error.detail or phrase
    )
    headers = {"Allow": ", ".join(methods_of(request))} if status == 405 else dict(error.headers or {})
    return problem(status, phrase.lower().replace(" ", "-"), phrase, detail, headers=headers)


def methods_of(request: Request) -> list[str]:
    """What the path of a request can be called with; the router itself names the methods of one route only."""
    routes = request.app.routes
    return [method for method in METHODS if any(route.matches({**request.scope, "method": method})[0] == Match.FULL for route in routes)]


def answer_crash(_request: Request, error: Exception) -> Response:
    """The answer to an error that nobody foresaw: the log has the details, the client does not."""
    log.error("request.unanswerable", error=type(error).__name__)
    return problem(500, "internal", "Something went wrong here", "The server's log says more")


def _place(location: Sequence[object]) -> str:
    """`("body", "texts", 3)` -> `texts.3`."""
    return ".".join(str(part)[:80] for part in location[1:])


def _sentence(fault: Mapping[str, Any], expected: object) -> str:
    if fault["type"] == "model_attributes_type":
        return "Input should be a JSON object"
    if fault["type"] == "extra_forbidden" and (names := members_at(expected, fault["loc"][1:-1])):
        return f"There is no such member; valid are {', '.join(names)}"
    message: str = fault["msg"]
    return message.removeprefix("Value error, ")


def body_of(request: Request) -> object:
    """The type that the call of a request reads its body as, None where it reads none."""
    body = getattr(request.scope.get("route"), "body_field", None)
    return None if body is None else body.field_info.annotation


def members_at(kind: object, place: Sequence[object]) -> list[str]:
    """The names of the members that a type has at a place within it, which leads through members, lists and mappings; [] for no model."""
    arguments = get_args(kind)
    if get_origin(kind) in {Union, UnionType, Annotated}:
        return [name for argument in arguments for name in members_at(argument, place)]
    if arguments:
        return members_at(arguments[-1], place[1:]) if place else []
    if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return []
    members = {field.alias or name: field.annotation for name, field in kind.model_fields.items()}
    return members_at(members.get(str(place[0])), place[1:]) if place else list(members)


def add_error_handlers(app: FastAPI) -> None:
    """Make every error leave as a problem."""
    app.add_exception_handler(KoeError, answer_koe_error)
    app.add_exception_handler(RequestValidationError, answer_validation)
    app.add_exception_handler(HTTPException, answer_http_error)
