"""What /metrics counts: requests, their time, texts and what waits; never a workspace's name nor a word of a customer."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS = (0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1.2, 2.5, 5, 10, 30)
"""Bounds of the histogram: from a cached answer to a query that somebody should look at."""


class Metrics:
    """The counters of one process, in a registry of their own so that two apps in one process do not meet."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("koe_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry)
        self.seconds = Histogram(
            "koe_request_seconds",
            "Time from the request to the end of its answer.",
            ["method", "route"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.texts_annotated = Counter("koe_texts_annotated", "Texts that this process annotated.", ["call"], registry=self.registry)
        self.feedback_stored = Counter("koe_feedback_rows", "Rows taken by POST /v1/feedback.", ["status"], registry=self.registry)
        self.texts_waiting = Gauge("koe_texts_waiting", "Texts that wait for the model of this process.", registry=self.registry)
        self.unannotated = Gauge(
            "koe_feedback_unannotated", "Stored feedback that waits for its annotation, all workspaces.", registry=self.registry
        )
        self.reannotations = Gauge(
            "koe_reannotations_active", "Workspaces whose older annotations are being replaced, or wait for it.", registry=self.registry
        )
        self.reannotation_failures = Gauge(
            "koe_reannotation_failed_texts", "Stored texts that could not be annotated again, all workspaces.", registry=self.registry
        )
        self.model_ready = Gauge("koe_model_ready", "1 once the model is loaded.", registry=self.registry)
