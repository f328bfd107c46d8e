"""Bodies as they come: read in pieces up to a cap, of the media type that the call reads, and JSON that can hold anything without harm."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import NoReturn

from starlette.requests import ClientDisconnect, Request

from api.errors import ClientGone, TooLarge, UnsupportedType
from core.errors import InvalidInput
from store.intake import storable

MIB = 1024 * 1024
USUAL_CAP = MIB
PARSED_AT_ONCE = 256 * 1024
"""Bytes of JSON that are parsed in two milliseconds; more of them are parsed beside the event loop, where others do not wait for them."""
DEEPEST = 32
"""Nesting of JSON that is still read; the deepest valid body of any call has 5."""


def media_type(request: Request) -> str:
    """The media type in lower case without its parameters; empty when none was given."""
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


def require_json(request: Request) -> None:
    """Raise UnsupportedType unless the body is said to be JSON."""
    given = media_type(request)
    if not (given == "application/json" or (given.startswith("application/") and given.endswith("+json"))):
        raise UnsupportedType(f"Content-Type {given or '(none)'!r} is not read here; send application/json")


async def pieces(request: Request, cap: int) -> AsyncIterator[bytes]:
    """The body as it arrives. Raises TooLarge at the first byte beyond `cap`, or at once where the length is announced."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > cap:
        raise _too_large(cap)
    size = 0
    try:
        async for piece in request.stream():
            size += len(piece)
            if size > cap:
                raise _too_large(cap)
            yield piece
    except ClientDisconnect:
        raise ClientGone("the client hung up before its body was here") from None


def _too_large(cap: int) -> TooLarge:
    return TooLarge(f"The body is larger than {cap / MIB:g} MiB, which is the most that this call takes")


async def read_body(request: Request, cap: int) -> bytes:
    """The whole body. Raises TooLarge."""
    return b"".join([piece async for piece in pieces(request, cap)])


def parse_json(body: bytes, *, field: str | None = None) -> object:
    """JSON to Python. U+0000 and lone surrogates become U+FFFD, one for one: no database holds them and offsets stay true.

    Raises InvalidInput for what is not JSON (RFC 8259): other encodings than UTF-8, NaN, numbers of thousands of digits, very deep nesting.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"not UTF-8: byte {error.start} of the body", field=field) from None
    try:
        value: object = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise InvalidInput(f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}", field=field) from None
    except RecursionError:
        raise InvalidInput(f"nested too deeply; at most {DEEPEST} levels are read", field=field) from None
    except ValueError:
        raise InvalidInput("not JSON that can be read: a number has too many digits", field=field) from None
    # Neither can be written in JSON but as an escape: bodies without one are spared the walk.
    return clean_json(value, field=field) if "\\u" in text else value


def clean_json(value: object, *, depth: int = 0, field: str | None = None) -> object:
    """The same value with every text storable. Raises InvalidInput below DEEPEST levels."""
    if depth > DEEPEST:
        raise InvalidInput(f"nested too deeply; at most {DEEPEST} levels are read", field=field)
    match value:
        case str():
            return storable(value)
        case list():
            return [clean_json(part, depth=depth + 1, field=field) for part in value]
        case dict():
            return {storable(key): clean_json(part, depth=depth + 1, field=field) for key, part in value.items()}
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise json.JSONDecodeError(f"{name} is not a number of JSON", name, 0)


class JsonRequest(Request):
    """A request whose body was read and parsed already."""

    def __init__(self, request: Request, body: bytes, value: object) -> None:
        super().__init__(request.scope, request.receive)
        self._raw = body
        self._value = value

    async def body(self) -> bytes:
        return self._raw

    async def json(self) -> object:
        return self._value


async def json_request(request: Request, cap: int) -> JsonRequest:
    """The request with its body read and parsed. Raises TooLarge, and InvalidInput for what is not JSON."""
    body = await read_body(request, cap)
    if len(body) <= PARSED_AT_ONCE:
        return JsonRequest(request, body, parse_json(body) if body else None)
    return JsonRequest(request, body, await asyncio.to_thread(parse_json, body))
