"""/healthz says that the process lives, /readyz that it can do its work; neither needs a key, neither tells anything of customers."""

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from api.errors import problem
from api.schemas import problems
from api.services import Services, With
from core.errors import TransientError

router = APIRouter(tags=["health"])
Verdict = Literal["ok", "away", "outdated", "loading", "failed"]


class Alive(BaseModel):
    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    status: Literal["ready"] = "ready"
    checks: dict[str, Verdict]


@router.get("/healthz", summary="Is the process alive?")
async def is_alive() -> Alive:
    return Alive()


@router.get("/readyz", summary="Can it do its work?", response_model=Ready, responses=problems(503))
def is_ready(services: With) -> Ready | Response:
    checks: dict[str, Verdict] = {**database_checks(services), "model": model_check(services)}
    if all(verdict == "ok" for verdict in checks.values()):
        return Ready(checks=checks)
    wanting = ", ".join(f"{name}: {verdict}" for name, verdict in checks.items() if verdict != "ok")
    return problem(503, "not-ready", "Not ready", wanting, members={"checks": checks}, headers={"Retry-After": "2"})


def database_checks(services: Services) -> dict[str, Verdict]:
    try:
        services.database.ping()
        return {"database": "ok", "migrations": "ok" if services.database.is_current() else "outdated"}
    except TransientError:
        return {"database": "away"}


def model_check(services: Services) -> Verdict:
    if services.model.ready:
        return "ok"
    return "loading" if services.model.failure is None else "failed"
