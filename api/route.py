"""The frame around every call below /v1: the key first, then the names of parameters, then the media type, and only then the body."""

from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from api.auth import Doorkeeper, Needs, check_scope
from api.bodies import USUAL_CAP, json_request, require_json
from core.errors import InvalidInput

OPEN_PARAMETER = "attributes."
"""Beginning of the parameters whose names a workspace makes up."""


class Route(APIRoute):
    """A route that knows the scope it needs, from its `Needs` dependency, and that refuses parameters it does not know."""

    body_cap = USUAL_CAP
    open_parameters = False

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        needs = [dependency.call for dependency in self.dependant.dependencies if isinstance(dependency.call, Needs)]
        if len(needs) != 1:
            raise TypeError(f"{path}: a call below /v1 takes exactly one caller (Reader, Manager, ...)")
        self.scope = needs[0].scope
        self.description = f"{self.description}\n\nScope: `{self.scope}`"

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()
        known = parameter_names(self.dependant)
        optional = self.body_field is not None and not self.body_field.field_info.is_required()

        async def admit_and_answer(request: Request) -> Response:
            doorkeeper: Doorkeeper = request.app.state.doorkeeper
            request.state.caller = await doorkeeper.admit(request)
            check_scope(request.state.caller, self.scope)
            check_parameters(request, known, open_names=self.open_parameters)
            if self.body_field is not None and not (optional and has_no_body(request)):
                require_json(request)
                request = await json_request(request, self.body_cap)
            return await answer(request)

        return admit_and_answer


def has_no_body(request: Request) -> bool:
    """Whether nothing was sent at all: neither a length nor a media type is announced."""
    headers = request.headers
    return headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers and "content-type" not in headers


class FilterRoute(Route):
    """A route that takes `attributes.<name>=value` beside its own parameters."""

    open_parameters = True


class TextsRoute(Route):
    """A route whose body is many texts: 256 texts of 20,000 characters in JSON escapes fit."""

    body_cap = 64 * USUAL_CAP


def parameter_names(dependant: Dependant) -> set[str]:
    """Names of the query that a route and its dependencies read."""
    own = {parameter.alias for parameter in dependant.query_params}
    return own.union(*(parameter_names(dependency) for dependency in dependant.dependencies))


def check_parameters(request: Request, known: set[str], *, open_names: bool) -> None:
    """Raises InvalidInput for a parameter that is not known or given twice: a typo that is ignored gives an answer to another question."""
    for name, times in Counter(name for name, _ in request.query_params.multi_items()).items():
        if name not in known and not (open_names and name.startswith(OPEN_PARAMETER) and len(name) > len(OPEN_PARAMETER)):
            valid = [*sorted(known), *([f"{OPEN_PARAMETER}<name>"] if open_names else [])]
            raise InvalidInput(
                f"unknown parameter {name[:40]!r}; " + (f"valid are {', '.join(valid)}" if valid else "this call takes none"),
                field=name[:80],
            )
        if times > 1:
            raise InvalidInput(f"{name[:40]} is given {times} times; give it once", field=name[:80])
