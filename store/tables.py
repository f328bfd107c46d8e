"""Every table of Koe; each row below a workspace bears its id, and times are UTC."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy import Double as Number

from store.dialect import Json, RowId, UtcTime, Words

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id() -> Column[int]:
    """With sqlite_autoincrement: an id that was handed out is never given to another row, even after an erasure."""
    return Column("id", RowId, primary_key=True)


def _workspace() -> Column[int]:
    return Column("workspace_id", RowId, ForeignKey("workspaces.id", ondelete="CASCADE"), nullable=False)


workspaces = Table(
    "workspaces",
    metadata,
    _id(),
    Column("name", Words, nullable=False, unique=True),
    Column("dimensions", Json, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("timezone", Words, nullable=False, server_default="UTC"),
    Column("country", Words),
    Column("budget", Number, nullable=False, server_default="1"),
    sqlite_autoincrement=True,
)

keys = Table(
    "keys",
    metadata,
    _id(),
    _workspace(),
    Column("name", Words, nullable=False),
    Column("prefix", Words, nullable=False, unique=True),
    Column("digest", Words, nullable=False),
    Column("scopes", Json, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("revoked_at", UtcTime),
    Index("ix_keys_workspace_id", "workspace_id"),
    sqlite_autoincrement=True,
)

_NAMED = text("author_id IS NOT NULL")
_NAMED = text("author_id IS NOT NULL")
feedback = Table(
    "feedback",
    metadata,
    _id(),
    _workspace(),
    Column("source", Words, nullable=False),
    Column("external_id", Words, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("text", Words, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("received_at", UtcTime, nullable=False),
    Column("title", Words),
    Column("author_id", Words),
    Column("author_name", Words),
    Column("author_followers", BigInteger),
    Column("url", Words),
    Column("language", Words),
    Column("country", Words),
    Column("kind", Words, nullable=False),
    Column("rating_value", Number),
    Column("rating_scale", Number),
    Column("nps", Number),
    Column("csat", Number),
    Column("ces", Number),
    Column("question", Words),
    Column("product", Words),
    Column("attributes", Json, nullable=False),
    Column("parent_id", Words),
    Column("live", Boolean, nullable=False),
    Column("bucket", UtcTime, nullable=False),
    Column("fingerprint", BigInteger),
    Column("repost", Boolean, nullable=False, server_default=false()),
    # The queue: a row waits until it is annotated or set aside with an error.
    Column("waiting", Boolean, nullable=False),
    Column("claims", SmallInteger, nullable=False),
    Column("claimed_until", UtcTime),
    Column("error", Words),
    UniqueConstraint("workspace_id", "source", "external_id"),
    Index("ix_feedback_waiting", "live", "id", sqlite_where=text("waiting = 1"), postgresql_where=text("waiting")),
    # Rows that may be what kills their workers; few, and looked for at every claim.
    Index("ix_feedback_suspect", "id", sqlite_where=text("waiting = 1 AND claims >= 3"), postgresql_where=text("waiting AND claims >= 3")),
    Index("ix_feedback_workspace_id_bucket", "workspace_id", "bucket"),
    Index("ix_feedback_workspace_id_created_at_id", "workspace_id", "created_at", "id"),
    Index("ix_feedback_workspace_id_fingerprint_created_at", "workspace_id", "fingerprint", "created_at"),
    # What one author wrote, in the order in which it came.
    Index("ix_feedback_author", "workspace_id", "author_id", "source", "id", sqlite_where=_NAMED, postgresql_where=_NAMED),
    sqlite_autoincrement=True,
)

feedback_revisions = Table(
    "feedback_revisions",
    metadata,
    Column("feedback_id", RowId, ForeignKey("feedback.id", ondelete="CASCADE"), primary_key=True),
    Column("revision", Integer, primary_key=True),
    _workspace(),
    Column("text", Words, nullable=False),
    Column("replaced_at", UtcTime, nullable=False),
    Index("ix_feedback_revisions_workspace_id", "workspace_id"),
)

# What was erased on request: only a digest of (source, external id), so that the next pull does not bring it back.
erased = Table(
    "erased",
    metadata,
    Column("workspace_id", RowId, ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True),
    Column("digest", Words, primary_key=True),
    Column("erased_at", UtcTime, nullable=False),
)

annotations = Table(
    "annotations",
    metadata,
    Column("feedback_id", RowId, ForeignKey("feedback.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    _workspace(),
    Column("revision", Integer, nullable=False),
    Column("language", Words, nullable=False),
    Column("language_confidence", Number, nullable=False),
    Column("sentiment", Words, nullable=False),
    Column("sentiment_confidence", Number, nullable=False),
    Column("sentiment_scores", Json, nullable=False),
    Column("abstained", Boolean, nullable=False),
    Column("complaint", Boolean, nullable=False),
    Column("complaint_confidence", Number, nullable=False),
    Column("model", Words, nullable=False),
    Column("taxonomy", Words, nullable=False),
    Column("annotated_at", UtcTime, nullable=False),
    # Null where the model that answered tells no emotion.
    Column("emotion", Words),
    Column("emotion_confidence", Number),
    # Also tells how many annotations there are of each model.
    Index("ix_annotations_workspace_id_model_taxonomy", "workspace_id", "model", "taxonomy"),
)

annotation_topics = Table(
    "annotation_topics",
    metadata,
    Column("feedback_id", RowId, ForeignKey("annotations.feedback_id", ondelete="CASCADE"), primary_key=True),
    Column("topic", Words, primary_key=True),
    _workspace(),
    Column("position", SmallInteger, nullable=False),
    Column("confidence", Number, nullable=False),
    Column("sentiment", Words, nullable=False),
    Column("evidence", Json, nullable=False),
    Index("ix_annotation_topics_workspace_id_topic_feedback_id", "workspace_id", "topic", "feedback_id"),
)

# What humans said against annotations. `annotations` holds what is in force: the model's answer with these put over it.
corrections = Table(
    "corrections",
    metadata,
    _id(),
    _workspace(),
    Column("feedback_id", RowId, ForeignKey("feedback.id", ondelete="CASCADE"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("actor", Words, nullable=False),
    Column("labels", Json, nullable=False),
    Column("before", Json, nullable=False),
    Index("ix_corrections_workspace_id_id", "workspace_id", "id"),
    Index("ix_corrections_feedback_id", "feedback_id"),
    sqlite_autoincrement=True,
)

# Apart from the rest of the annotation: only a search by meaning reads it.
embeddings = Table(
    "embeddings",
    metadata,
    Column("feedback_id", RowId, ForeignKey("annotations.feedback_id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    _workspace(),
    Column("space", Words, nullable=False),
    Column("direction", LargeBinary, nullable=False),
    Index("ix_embeddings_workspace_id", "workspace_id"),
)

brands = Table(
    "brands",
    metadata,
    _id(),
    _workspace(),
    Column("name", Words, nullable=False),
    Column("query", Words, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("last_touch", RowId),
    Column("changed_at", UtcTime),
    UniqueConstraint("workspace_id", "name"),
    sqlite_autoincrement=True,
)

feedback_brands = Table(
    "feedback_brands",
    metadata,
    Column("feedback_id", RowId, ForeignKey("feedback.id", ondelete="CASCADE"), primary_key=True),
    Column("brand_id", RowId, ForeignKey("brands.id", ondelete="CASCADE"), primary_key=True),
    _workspace(),
    Index("ix_feedback_brands_workspace_id_brand_id_feedback_id", "workspace_id", "brand_id", "feedback_id"),
    Index("ix_feedback_brands_brand_id", "brand_id"),
)

# One row per change that a bucket has to be recounted for. Never updated, so savers do not wait for each other nor for a count.
touched_buckets = Table(
    "touched_buckets",
    metadata,
    _id(),
    _workspace(),
    Column("bucket", UtcTime, nullable=False),
    Index("ix_touched_buckets_workspace_id_bucket", "workspace_id", "bucket"),
    sqlite_autoincrement=True,
)

# `dims` names none, one or two dimensions ("topic", "brand,topic"); `first` and `second` are their values; `grain` is in minutes.
rollups = Table(
    "rollups",
    metadata,
    Column("workspace_id", RowId, ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True),
    Column("grain", SmallInteger, primary_key=True, autoincrement=False),
    Column("dims", Words, primary_key=True),
    Column("bucket", UtcTime, primary_key=True),
    Column("first", Words, primary_key=True),
    Column("second", Words, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("effective", Integer, nullable=False),
    Column("negative", Integer, nullable=False),
    Column("positive", Integer, nullable=False),
    Column("effective_negative", Integer, nullable=False),
    Column("effective_positive", Integer, nullable=False),
    Column("complaint", Integer, nullable=False),
    Column("late_count", Integer, nullable=False),
    Column("late_negative", Integer, nullable=False),
    Column("late_complaint", Integer, nullable=False),
    Index("ix_rollups_values", "workspace_id", "grain", "dims", "first", "second", "bucket"),
    sqlite_with_rowid=False,
)

sources = Table(
    "sources",
    metadata,
    _id(),
    _workspace(),
    Column("name", Words, nullable=False),
    Column("connector", Words, nullable=False),
    Column("options", Json, nullable=False),
    Column("sealed_options", Json, nullable=False),
    Column("every_seconds", Integer, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("cursor", Words),
    Column("next_pull_at", UtcTime, nullable=False),
    Column("claimed_until", UtcTime),
    Column("created_at", UtcTime, nullable=False),
    Column("last_pull_at", UtcTime),
    Column("last_success_at", UtcTime),
    Column("last_error", Words),
    Column("failures", Integer, nullable=False),
    Column("stored", BigInteger, nullable=False),
    UniqueConstraint("workspace_id", "name"),
    Index("ix_sources_next_pull_at", "next_pull_at"),
    sqlite_autoincrement=True,
)

imports = Table(
    "imports",
    metadata,
    _id(),
    _workspace(),
    Column("filename", Words, nullable=False),
    Column("source", Words, nullable=False),
    Column("state", Words, nullable=False),
    Column("mapping", Json, nullable=False),
    Column("bytes_total", BigInteger, nullable=False),
    Column("rows_read", BigInteger, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("unchanged", BigInteger, nullable=False),
    Column("erased", BigInteger, nullable=False),
    Column("rejected", BigInteger, nullable=False),
    Column("error", Words),
    Column("claims", SmallInteger, nullable=False),
    Column("claimed_until", UtcTime),
    Column("created_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime),
    Index("ix_imports_workspace_id_id", "workspace_id", "id"),
    Index("ix_imports_state", "state"),
    sqlite_autoincrement=True,
)

import_chunks = Table(
    "import_chunks",
    metadata,
    Column("import_id", RowId, ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    _workspace(),
    Column("content", LargeBinary, nullable=False),
    Index("ix_import_chunks_workspace_id", "workspace_id"),
)

import_rejects = Table(
    "import_rejects",
    metadata,
    _id(),
    _workspace(),
    Column("import_id", RowId, ForeignKey("imports.id", ondelete="CASCADE"), nullable=False),
    Column("line", BigInteger, nullable=False),
    Column("reason", Words, nullable=False),
    Column("field", Words),
    Index("ix_import_rejects_import_id", "import_id"),
    Index("ix_import_rejects_workspace_id", "workspace_id"),
    sqlite_autoincrement=True,
)

rules = Table(
    "rules",
    metadata,
    _id(),
    _workspace(),
    Column("name", Words, nullable=False),
    Column("measure", Words, nullable=False),
    Column("scope", Json, nullable=False),
    Column("split_by", Json, nullable=False),
    Column("window_minutes", Integer, nullable=False),
    Column("sensitivity", Number, nullable=False),
    Column("least", Integer, nullable=False),
    Column("channels", Json, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("options", Json, nullable=False, server_default="{}"),
    Column("calibration", Json),
    Column("looked_at", UtcTime),
    UniqueConstraint("workspace_id", "name"),
    sqlite_autoincrement=True,
)

# An alert outlives its rule: `rule_name` and `measure` are copies, `rule_id` is no foreign key.
alerts = Table(
    "alerts",
    metadata,
    _id(),
    _workspace(),
    Column("rule_id", RowId, nullable=False),
    Column("rule_name", Words, nullable=False),
    Column("state", Words, nullable=False),
    Column("severity", Words, nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("last_seen_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    Column("measure", Words, nullable=False),
    Column("scope", Json, nullable=False),
    Column("scope_key", Words, nullable=False),
    Column("window_minutes", Integer, nullable=False),
    Column("observed", Integer, nullable=False),
    Column("expected", Number, nullable=False),
    Column("interval_low", Number, nullable=False),
    Column("interval_high", Number, nullable=False),
    Column("p_value", Number, nullable=False),
    Column("top_topics", Json, nullable=False),
    Column("summary", Words, nullable=False),
    Column("events", Integer, nullable=False),
    Column("snoozed_until", UtcTime),
    Column("why", Json, nullable=False, server_default="{}"),
    Index(
        "uq_alerts_unresolved",
        "workspace_id",
        "rule_id",
        "scope_key",
        unique=True,
        sqlite_where=text("state <> 'resolved'"),
        postgresql_where=text("state <> 'resolved'"),
    ),
    Index("ix_alerts_workspace_id_id", "workspace_id", "id"),
    sqlite_autoincrement=True,
)

alert_transitions = Table(
    "alert_transitions",
    metadata,
    _id(),
    _workspace(),
    Column("alert_id", RowId, ForeignKey("alerts.id", ondelete="CASCADE"), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("event", Words, nullable=False, server_default="opened"),
    Column("from_state", Words),
    Column("to_state", Words, nullable=False),
    Column("actor", Words, nullable=False),
    Column("by", Words),
    Column("reason", Words, nullable=False),
    Index("ix_alert_transitions_alert_id", "alert_id"),
    Index("ix_alert_transitions_workspace_id_id", "workspace_id", "id"),
    sqlite_autoincrement=True,
)

channels = Table(
    "channels",
    metadata,
    _id(),
    _workspace(),
    Column("name", Words, nullable=False),
    Column("kind", Words, nullable=False),
    Column("target", Words, nullable=False),
    Column("options", Json, nullable=False, server_default=text("'{}'")),
    Column("sealed_options", Json, nullable=False, server_default=text("'{}'")),
    Column("language", Words, nullable=False, server_default="en"),
    Column("time_zone", Words, nullable=False, server_default="UTC"),
    Column("include_quotes", Boolean, nullable=False, server_default=false()),
    Column("enabled", Boolean, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("last_error", Words),
    # How it fares: failures since the last success, and how many of them were refusals, which no repetition helps.
    Column("last_success_at", UtcTime),
    Column("last_failure_at", UtcTime),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("refusals", Integer, nullable=False, server_default="0"),
    UniqueConstraint("workspace_id", "name"),
    sqlite_autoincrement=True,
)

deliveries = Table(
    "deliveries",
    metadata,
    _id(),
    _workspace(),
    Column("event_id", Words, nullable=False),
    Column("channel_id", RowId, ForeignKey("channels.id", ondelete="CASCADE"), nullable=False),
    Column("alert_id", RowId, ForeignKey("alerts.id", ondelete="CASCADE")),
    Column("event", Words, nullable=False),
    Column("payload", Words, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", UtcTime, nullable=False),
    Column("claimed_until", UtcTime),
    Column("state", Words, nullable=False),
    Column("last_error", Words),
    Column("created_at", UtcTime, nullable=False),
    Column("delivered_at", UtcTime),
    # `answer`: what the receiver said; `receipt`: its own name for what it took; `link_used_at`: its acknowledge link works once.
    Column("answer", Words),
    Column("receipt", Words),
    Column("resent_at", UtcTime),
    Column("link_used_at", UtcTime),
    UniqueConstraint("event_id", "channel_id"),
    Index("ix_deliveries_dead", "workspace_id", "id", sqlite_where=text("state = 'dead'"), postgresql_where=text("state = 'dead'")),
    Index("ix_deliveries_due", "next_attempt_at", sqlite_where=text("state = 'pending'"), postgresql_where=text("state = 'pending'")),
    Index("ix_deliveries_workspace_id_id", "workspace_id", "id"),
    Index("ix_deliveries_channel_id", "channel_id"),
    Index("ix_deliveries_alert_id", "alert_id"),
    sqlite_autoincrement=True,
)

silences = Table(
    "silences",
    metadata,
    _id(),
    _workspace(),
    Column("matchers", Json, nullable=False),
    Column("starts_at", UtcTime, nullable=False),
    Column("ends_at", UtcTime, nullable=False),
    Column("author", Words, nullable=False),
    Column("comment", Words, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Index("ix_silences_workspace_id_ends_at", "workspace_id", "ends_at"),
    sqlite_autoincrement=True,
)

inhibitions = Table(
    "inhibitions",
    metadata,
    _id(),
    _workspace(),
    Column("name", Words, nullable=False),
    Column("source", Json, nullable=False),
    Column("target", Json, nullable=False),
    Column("equal", Json, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    UniqueConstraint("workspace_id", "name"),
    sqlite_autoincrement=True,
)

policies = Table(
    "policies",
    metadata,
    _id(),
    _workspace(),
    Column("name", Words, nullable=False),
    Column("position", Integer, nullable=False),
    Column("matchers", Json, nullable=False),
    Column("steps", Json, nullable=False),
    Column("repeat_minutes", Integer),
    Column("group_by", Json),
    Column("group_wait_seconds", Integer, nullable=False),
    Column("group_interval_minutes", Integer, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    UniqueConstraint("workspace_id", "name"),
    sqlite_autoincrement=True,
)

schedules = Table(
    "schedules",
    metadata,
    _id(),
    _workspace(),
    Column("name", Words, nullable=False),
    Column("time_zone", Words, nullable=False),
    Column("turn", Words, nullable=False),
    Column("handover", Words, nullable=False),
    Column("starts_on", Words, nullable=False),
    Column("rotation", Json, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    UniqueConstraint("workspace_id", "name"),
    sqlite_autoincrement=True,
)

schedule_overrides = Table(
    "schedule_overrides",
    metadata,
    _id(),
    _workspace(),
    Column("schedule_id", RowId, ForeignKey("schedules.id", ondelete="CASCADE"), nullable=False),
    Column("channel_id", RowId, ForeignKey("channels.id", ondelete="CASCADE"), nullable=False),
    Column("starts_at", UtcTime, nullable=False),
    Column("ends_at", UtcTime, nullable=False),
    Index("ix_schedule_overrides_schedule_id", "schedule_id"),
    Index("ix_schedule_overrides_workspace_id", "workspace_id"),
    Index("ix_schedule_overrides_channel_id", "channel_id"),
    sqlite_autoincrement=True,
)

quiet_hours = Table(
    "quiet_hours",
    metadata,
    Column("channel_id", RowId, ForeignKey("channels.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    _workspace(),
    Column("time_zone", Words, nullable=False),
    Column("windows", Json, nullable=False),
    Column("breaks_through", Words),
    Column("pass_to", Json, nullable=False),
    Index("ix_quiet_hours_workspace_id", "workspace_id"),
)

# What channels hear of as one. `policy_id` is no foreign key: a policy may go while its alerts are open.
alert_groups = Table(
    "alert_groups",
    metadata,
    _id(),
    _workspace(),
    Column("policy_id", RowId),
    Column("key", Words, nullable=False),
    Column("lead_id", RowId, ForeignKey("alerts.id", ondelete="CASCADE"), nullable=False),
    Column("event", Words, nullable=False),
    Column("opened_at", UtcTime, nullable=False),
    Column("step", Integer, nullable=False),
    Column("step_due_at", UtcTime),
    Column("told_at", UtcTime),
    Column("closed_at", UtcTime),
    Column("news_at", UtcTime),
    Index(
        "uq_alert_groups_open",
        "workspace_id",
        "key",
        unique=True,
        sqlite_where=text("closed_at IS NULL"),
        postgresql_where=text("closed_at IS NULL"),
    ),
    Index("ix_alert_groups_workspace_id", "workspace_id"),
    Index("ix_alert_groups_lead_id", "lead_id"),
    sqlite_autoincrement=True,
)

alert_group_members = Table(
    "alert_group_members",
    metadata,
    Column("group_id", RowId, ForeignKey("alert_groups.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("alert_id", RowId, ForeignKey("alerts.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    _workspace(),
    Column("told", RowId, nullable=False),
    Index("ix_alert_group_members_alert_id", "alert_id"),
    Index("ix_alert_group_members_workspace_id", "workspace_id"),
)

alert_group_channels = Table(
    "alert_group_channels",
    metadata,
    Column("group_id", RowId, ForeignKey("alert_groups.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("channel_id", RowId, ForeignKey("channels.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    _workspace(),
    Column("heard_at", UtcTime),
    Column("waits_until", UtcTime),
    Index("ix_alert_group_channels_channel_id", "channel_id"),
    Index("ix_alert_group_channels_workspace_id", "workspace_id"),
)

heartbeats = Table(
    "heartbeats",
    metadata,
    Column("process", Words, primary_key=True),
    Column("kind", Words, nullable=False),
    Column("at", UtcTime, nullable=False),
)

# Which model annotates a workspace from when on.
model_changes = Table(
    "model_changes",
    metadata,
    _id(),
    _workspace(),
    Column("model", Words, nullable=False),
    Column("taxonomy", Words, nullable=False),
    Column("since", UtcTime, nullable=False),
    Index("ix_model_changes_workspace_id_id", "workspace_id", "id"),
    sqlite_autoincrement=True,
)

# The newest decision of a workspace to have its annotations renewed. Rows below (`below_at`, `below_id`) are still to be gone through, the
# newest first; null: all. `since`: null is the beginning. `model`, `taxonomy`: null until a worker says what it has.
reannotations = Table(
    "reannotations",
    metadata,
    Column("workspace_id", RowId, ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("state", Words, nullable=False),
    Column("model", Words),
    Column("taxonomy", Words),
    Column("since", UtcTime),
    Column("asked_at", UtcTime, nullable=False),
    Column("begun_at", UtcTime),
    Column("below_at", UtcTime),
    Column("below_id", RowId),
    # What the rate is reckoned from: so many were outdated then.
    Column("outdated", Integer, nullable=False),
    Column("outdated_at", UtcTime, nullable=False),
    # The last touch that its answers left: once that is counted, counts are of the new model.
    Column("last_touch", RowId),
    Column("finished_at", UtcTime),
)

# The portion of them that is worked off at present; the old annotation stays until the new one replaces it. `error`: it could not be.
outdated = Table(
    "outdated",
    metadata,
    Column("feedback_id", RowId, ForeignKey("feedback.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    _workspace(),
    Column("claims", SmallInteger, nullable=False),
    Column("claimed_until", UtcTime),
    Column("error", Words),
    Index("ix_outdated_workspace_id", "workspace_id"),
)

# Heads that a workspace fitted on its own labels; `weights` names the shared model that they belong to. Numbers are never used again.
adaptations = Table(
    "adaptations",
    metadata,
    Column("workspace_id", RowId, ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("weights", Words, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("digest", Words, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("undone_at", UtcTime),
    Column("reports", Json, nullable=False, server_default="[]"),
)

# What a workspace changed of the taxonomy: topics of its own, and the ids of built-in ones that it hides.
topics = Table(
    "topics",
    metadata,
    Column("workspace_id", RowId, ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True),
    Column("topic", Words, primary_key=True),
    Column("parent", Words),
    Column("name", Json, nullable=False),
    Column("description", Json, nullable=False),
    Column("examples", Json, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)

taxonomies = Table(
    "taxonomies",
    metadata,
    Column("workspace_id", RowId, ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("number", Integer, nullable=False),
    Column("hidden", Json, nullable=False),
)
