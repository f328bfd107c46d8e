"""/metrics for Prometheus. It needs no key, as scrapers have none, and so it holds counts only: no workspace, no source, no words."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.services import With
from core.errors import TransientError
from store.feedback import count_unannotated
from store.reannotations import reannotations_at_work

router = APIRouter(tags=["health"])


@router.get(
    "/metrics",
    summary="Counts for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def show_metrics(services: With) -> Response:
    metrics = services.metrics
    metrics.texts_waiting.set(services.model.waiting_texts)
    metrics.model_ready.set(services.model.ready)
    try:
        with services.database.read() as connection:
            metrics.unannotated.set(count_unannotated(connection))
            active, failed = reannotations_at_work(connection)
            metrics.reannotations.set(active)
            metrics.reannotation_failures.set(failed)
    except TransientError:
        for gauge in (metrics.unannotated, metrics.reannotations, metrics.reannotation_failures):
            gauge.set(float("nan"))
    return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)
