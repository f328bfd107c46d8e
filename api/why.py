"""GET /v1/alerts/{id}/why: the arithmetic of an alert, from stored numbers, so that anybody can do it again."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from api.auth import Reader
from api.route import Route
from api.schemas import EVERY_CALL, Out, ScopeShape, problems
from api.services import With
from store.alerts import get_alert, similar_alerts, why_of
from store.records import Measure, Severity

router = APIRouter(prefix="/v1/alerts", tags=["alerts"], route_class=Route, responses=problems(*EVERY_CALL))


class ObservedOut(BaseModel):
    raw: int
    effective: int = Field(description="The same words, and one author, count once.")
    authors: int = Field(description="Different ones, where the source says who wrote.")
    total: float | None = Field(default=None, description="Of a share: all that was said in the window.")


class ExpectedOut(BaseModel):
    count: float
    interval: tuple[float, float]
    spread: float = Field(description="Variance beyond Poisson relative to the square of the mean; of a share the intra-class correlation.")


class WindowOut(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    since: datetime = Field(alias="from")
    until: datetime = Field(alias="to")
    hours: float
    windows: int
    width_minutes: int
    spans: int = Field(description="So many lengths of time were looked at.")
    looks: float | None = Field(
        default=None, description="For so many looks an hour of watching counts: windows overlap, and some are short."
    )


class BaselineOut(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    since: datetime = Field(alias="from")
    until: datetime = Field(alias="to")
    windows: int
    mean: float | None = Field(default=None, description="Of one window, without season.")
    hour_of_day: float | None = Field(default=None, description="Factor of this hour.")
    day_of_week: float | None = Field(default=None, description="Factor of this weekday or holiday.")
    share: float | None = None
    correlation: float | None = None


class StraysOut(BaseModel):
    rate: float = Field(description="How often a window of this series strays from its model.")
    excess: float = Field(description="And how far, in the mean, in powers of ten.")


class EffectiveOut(BaseModel):
    usual_share: float = Field(description="Voices among the rows of the week before.")
    expected: float
    p_value: float


class SeverityOut(BaseModel):
    level: Severity = Field(description="When it was found; while a surge lasts its severity only rises.")
    of_rows: Severity = Field(description="What it would be if every row counted.")
    times: float = Field(description="Voices, in times of what is usual.")
    more: float = Field(description="Voices beyond what is usual: its reach. Below 0 of a silence.")


class ThresholdOut(BaseModel):
    sensitivity: float
    least: int
    plain: float | None
    budget: float | None = Field(description="Pages a week that the rule may cost for nothing.")
    series: int | None


class PartOut(BaseModel):
    dimension: str
    value: str
    observed: int
    usual: float
    explains: float = Field(description="Of the excess, 0 to 1; parts overlap.")


class TextsOut(BaseModel):
    first: list[str] = Field(description="Ids of the first ones.")
    typical: list[str] = Field(description="Ids of those whose words most others share.")


class StandsForOut(BaseModel):
    rule: str
    measure: Measure
    scope: ScopeShape


class SimilarOut(Out):
    id: str
    severity: Severity
    started_at: datetime
    ended_at: datetime | None
    observed: int
    expected: float
    ended_by: str | None
    reason: str | None


class WhyOut(BaseModel):
    alert: str
    test: str | None = Field(default=None, description="null for an alert of a version that did not keep its arithmetic.")
    window: WindowOut | None = None
    observed: ObservedOut | None = None
    expected: ExpectedOut | None = None
    tail: float | None = Field(default=None, description="Probability of such a count, or a rarer one, in such a window.")
    strays: StraysOut | None = None
    p_value: float | None = Field(default=None, description="Findings like it that an hour of watching brings when nothing is wrong.")
    effective: EffectiveOut | None = None
    severity: SeverityOut | None = None
    baseline: BaselineOut | None = None
    threshold: ThresholdOut | None = None
    contributions: list[PartOut] = Field(default_factory=list)
    texts: TextsOut | None = None
    stands_for: list[StandsForOut] = Field(default_factory=list, description="What surged with it and did not page by itself.")
    similar: list[SimilarOut] = Field(description="Earlier alerts of the same kind, and how they ended.")


@router.get("/{alert_id}/why", summary="Its arithmetic, from stored numbers", responses=problems(404))
def why(alert_id: str, caller: Reader, services: With) -> WhyOut:
    """`docs/api.md` says how to compute the p-value again from these numbers."""
    with services.database.read() as connection:
        alert = get_alert(connection, caller.workspace_id, alert_id)
        figures = why_of(connection, caller.workspace_id, alert_id)
        similar = similar_alerts(connection, alert)
    return WhyOut(alert=alert.id, **figures, similar=[SimilarOut.model_validate(one) for one in similar])
