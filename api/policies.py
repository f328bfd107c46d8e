"""/v1/policies and /v1/inhibitions: whom to tell when nobody acknowledges, how alerts are grouped, and which of them are redundant."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import ConfigDict, Field, StringConstraints
from sqlalchemy import Connection

from api.auth import Manager, Reader
from api.matchers import Matchers, MatcherShape, check_label, check_matchers
from api.paging import DEFAULT_LIMIT, Cursor, Limit, Page, page_of
from api.route import Route
from api.rules import check_channels
from api.schemas import EVERY_CALL, Body, Id, Name, Out, problems
from api.services import Services, With
from core.errors import InvalidInput
from store.on_call import list_schedules
from store.policies import (
    create_inhibition,
    delete_inhibition,
    delete_policy,
    get_inhibition,
    get_policy,
    list_inhibitions,
    list_policies,
    save_policy,
)
from store.records import Inhibition, Policy, PolicyStep
from store.workspaces import get_workspace

router = APIRouter(route_class=Route, responses=problems(*EVERY_CALL))
WEEK = 7 * 1440
Labels = Annotated[list[Annotated[str, StringConstraints(max_length=100)]], Field(max_length=10)]


class StepShape(Body):
    model_config = ConfigDict(from_attributes=True, extra="forbid", strict=True)

    after_minutes: int = Field(default=0, ge=0, le=WEEK, description="So long after the alert was told first, unless somebody took it.")
    channels: list[Id] = Field(default_factory=list, max_length=20, description="Ids of channels.")
    schedules: list[Id] = Field(default_factory=list, max_length=20, description="Ids of schedules: whoever is on call then.")


class PolicyIn(Body):
    name: Name = Field(examples=["Deliveries"])
    position: int = Field(
        default=100, ge=0, le=1_000_000, description="The policy of the least position whose matchers are met is the one."
    )
    matchers: Matchers = Field(default_factory=list, description="All must be met; none at all: every alert.")
    steps: list[StepShape] = Field(min_length=1, max_length=10)
    repeat_minutes: int | None = Field(default=None, ge=5, le=WEEK, description="Tell again so often while nobody takes it; null: never.")
    group_by: Labels | None = Field(
        default=None, description="Labels that alerts of one notification share; []: all of the policy; null: none."
    )
    group_wait_seconds: int = Field(default=30, ge=0, le=3600, description="So long the first notification waits for others of its group.")
    group_interval_minutes: int = Field(default=5, ge=0, le=1440, description="News of a group comes no more often than this.")


class PolicyOut(Out):
    id: str
    name: str
    position: int
    matchers: list[MatcherShape]
    steps: list[StepShape]
    repeat_minutes: int | None
    group_by: list[str] | None
    group_wait_seconds: int
    group_interval_minutes: int
    created_at: datetime


class InhibitionIn(Body):
    name: Name = Field(examples=["A source that is silent"])
    source: Matchers = Field(min_length=1, description="While an unresolved alert meets these,")
    target: Matchers = Field(min_length=1, description="alerts that meet these tell nobody,")
    equal: Labels = Field(default_factory=list, description="if both agree in these labels.")


class InhibitionOut(Out):
    id: str
    name: str
    source: list[MatcherShape]
    target: list[MatcherShape]
    equal: list[str]
    created_at: datetime


@router.get("/v1/policies", tags=["policies"], summary="All escalation policies")
def list_all(caller: Reader, services: With, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[PolicyOut]:
    with services.database.read() as connection:
        rows, following = page_of(list_policies(connection, caller.workspace_id), limit, cursor, lambda policy: policy.id)
    return Page(data=[shown(row) for row in rows], next=following)


@router.post("/v1/policies", status_code=201, tags=["policies"], summary="Make an escalation policy", responses=problems(409, 413, 415))
def make_policy(body: PolicyIn, caller: Manager, services: With) -> PolicyOut:
    with services.database.write() as connection:
        return shown(save(connection, services, caller.workspace_id, None, body))


@router.get("/v1/policies/{policy_id}", tags=["policies"], summary="One escalation policy", responses=problems(404))
def show_policy(policy_id: str, caller: Reader, services: With) -> PolicyOut:
    with services.database.read() as connection:
        return shown(get_policy(connection, caller.workspace_id, policy_id))


@router.put("/v1/policies/{policy_id}", tags=["policies"], summary="Replace an escalation policy", responses=problems(404, 409, 413, 415))
def change_policy(policy_id: str, body: PolicyIn, caller: Manager, services: With) -> PolicyOut:
    """Alerts that it is escalating go on from the step they are at."""
    with services.database.write() as connection:
        get_policy(connection, caller.workspace_id, policy_id)
        return shown(save(connection, services, caller.workspace_id, policy_id, body))


@router.delete(
    "/v1/policies/{policy_id}",
    status_code=204,
    response_class=Response,
    tags=["policies"],
    summary="Delete an escalation policy; what it has told stays told",
    responses=problems(404),
)
def remove_policy(policy_id: str, caller: Manager, services: With) -> None:
    with services.database.write() as connection:
        delete_policy(connection, caller.workspace_id, policy_id)


@router.get("/v1/inhibitions", tags=["inhibitions"], summary="All inhibitions")
def list_inhibiting(caller: Reader, services: With, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[InhibitionOut]:
    with services.database.read() as connection:
        rows, following = page_of(list_inhibitions(connection, caller.workspace_id), limit, cursor, lambda one: one.id)
    return Page(data=[shown_inhibition(row) for row in rows], next=following)


@router.post("/v1/inhibitions", status_code=201, tags=["inhibitions"], summary="Make an inhibition", responses=problems(409, 413, 415))
def make_inhibition(body: InhibitionIn, caller: Manager, services: With) -> InhibitionOut:
    with services.database.write() as connection:
        dimensions = get_workspace(connection, caller.workspace_id).dimensions
        for number, name in enumerate(body.equal):
            check_label(name, dimensions, f"equal.{number}")
        inhibition = create_inhibition(
            connection,
            caller.workspace_id,
            name=body.name,
            source=check_matchers(connection, services, caller.workspace_id, body.source, "source"),
            target=check_matchers(connection, services, caller.workspace_id, body.target, "target"),
            equal=body.equal,
            now=services.clock(),
        )
    return shown_inhibition(inhibition)


@router.get("/v1/inhibitions/{inhibition_id}", tags=["inhibitions"], summary="One inhibition", responses=problems(404))
def show_inhibition(inhibition_id: str, caller: Reader, services: With) -> InhibitionOut:
    with services.database.read() as connection:
        return shown_inhibition(get_inhibition(connection, caller.workspace_id, inhibition_id))


@router.delete(
    "/v1/inhibitions/{inhibition_id}",
    status_code=204,
    response_class=Response,
    tags=["inhibitions"],
    summary="Delete an inhibition; what it kept quiet is told",
    responses=problems(404),
)
def remove_inhibition(inhibition_id: str, caller: Manager, services: With) -> None:
    with services.database.write() as connection:
        delete_inhibition(connection, caller.workspace_id, inhibition_id)
    services.nudge("notify")


def save(connection: Connection, services: Services, workspace_id: str, policy_id: str | None, body: PolicyIn) -> Policy:
    """Check and store. Raises InvalidInput for a policy that names what is not there, or whose steps would never be reached."""
    dimensions = get_workspace(connection, workspace_id).dimensions
    for number, name in enumerate(body.group_by or ()):
        check_label(name, dimensions, f"group_by.{number}")
    check_steps(connection, workspace_id, body.steps)
    return save_policy(
        connection,
        workspace_id,
        policy_id,
        name=body.name,
        position=body.position,
        matchers=check_matchers(connection, services, workspace_id, body.matchers, "matchers"),
        steps=[PolicyStep(one.after_minutes, tuple(one.channels), tuple(one.schedules)) for one in body.steps],
        repeat_minutes=body.repeat_minutes,
        group_by=body.group_by,
        group_wait_seconds=body.group_wait_seconds,
        group_interval_minutes=body.group_interval_minutes,
        now=services.clock(),
    )


def check_steps(connection: Connection, workspace_id: str, steps: Sequence[StepShape]) -> None:
    known = [one.id for one in list_schedules(connection, workspace_id)]
    for number, step in enumerate(steps):
        check_channels(connection, workspace_id, step.channels)
        for schedule in step.schedules:
            if schedule not in known:
                there_are = f"there are {', '.join(known)}" if known else "there are none; POST /v1/schedules makes one"
                raise InvalidInput(f"unknown schedule {schedule[:40]!r}; {there_are}", field=f"steps.{number}.schedules")
        if not step.channels and not step.schedules:
            raise InvalidInput("a step needs a channel or a schedule", field=f"steps.{number}")
        if number and step.after_minutes <= steps[number - 1].after_minutes:
            raise InvalidInput("after_minutes must grow from step to step", field=f"steps.{number}.after_minutes")


def shown(policy: Policy) -> PolicyOut:
    return PolicyOut.model_validate(policy, strict=False)


def shown_inhibition(inhibition: Inhibition) -> InhibitionOut:
    return InhibitionOut.model_validate(inhibition, strict=False)
