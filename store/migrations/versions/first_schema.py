"""The first schema: every table below a workspace bears its id; the first state of store/tables.py."""

import sqlalchemy as sa
from alembic import op

from store.dialect import Json, RowId, UtcTime, Words

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "heartbeats",
        sa.Column("process", Words(), nullable=False),
        sa.Column("kind", Words(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("process", name="pk_heartbeats"),
    )
    op.create_table(
        "model_changes",
        sa.Column("id", RowId, nullable=False),
        sa.Column("model", Words(), nullable=False),
        sa.Column("taxonomy", Words(), nullable=False),
        sa.Column("since", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_model_changes"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "workspaces",
        sa.Column("id", RowId, nullable=False),
        sa.Column("name", Words(), nullable=False),
        sa.Column("dimensions", Json(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_workspaces"),
        sa.UniqueConstraint("name", name="uq_workspaces_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "alerts",
        sa.Column("id", RowId, nullable=False),
        sa.Column("workspace_id", RowId, nullable=False),
        sa.Column("rule_id", RowId, nullable=False),
        sa.Column("rule_name", Words(), nullable=False),
        sa.Column("state", Words(), nullable=False),
        sa.Column("severity", Words(), nullable=False),
        sa.Column("started_at", UtcTime(), nullable=False),
        sa.Column("last_seen_at", UtcTime(), nullable=False),
        sa.Column("ended_at", UtcTime(), nullable=True),
        sa.Column("measure", Words(), nullable=False),
        sa.Column("scope", Json(), nullable=False),
        sa.Column("scope_key", Words(), nullable=False),
        sa.Column("window_minutes", sa.Integer(), nullable=False),
        sa.Column("observed", sa.Integer(), nullable=False),
        sa.Column("expected", sa.Double(), nullable=False),
        sa.Column("interval_low", sa.Double(), nullable=False),
        sa.Column("interval_high", sa.Double(), nullable=False),
        sa.Column("p_value", sa.Double(), nullable=False),
        sa.Column("top_topics", Json(), nullable=False),
        sa.Column("summary", Words(), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_alerts_workspace_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_alerts"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_alerts_workspace_id_id", "alerts", ["workspace_id", "id"])
    op.create_index(
        "uq_alerts_unresolved",
        "alerts",
        ["workspace_id", "rule_id", "scope_key"],
        unique=True,
        sqlite_where=sa.text("state <> 'resolved'"),
        postgresql_where=sa.text("state <> 'resolved'"),
    )
    op.create_table(
        "brands",
        sa.Column("id", RowId, nullable=False),
        sa.Column("workspace_id", RowId, nullable=False),
        sa.Column("name", Words(), nullable=False),
        sa.Column("query", Words(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_brands_workspace_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_brands"),
        sa.UniqueConstraint("workspace_id", "name", name="uq_brands_workspace_id_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "channels",
        sa.Column("id", RowId, nullable=False),
        sa.Column("workspace_id", RowId, nullable=False),
        sa.Column("name", Words(), nullable=False),
        sa.Column("kind", Words(), nullable=False),
        sa.Column("target", Words(), nullable=False),
        sa.Column("sealed_url", Words(), nullable=False),
        sa.Column("sealed_signing_secret", Words(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("last_error", Words(), nullable=True),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_channels_workspace_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_channels"),
        sa.UniqueConstraint("workspace_id", "name", name="uq_channels_workspace_id_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "erased",
        sa.Column("workspace_id", RowId, nullable=False),
        sa.Column("digest", Words(), nullable=False),
        sa.Column("erased_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_erased_workspace_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("workspace_id", "digest", name="pk_erased"),
    )
    op.create_table(
        "feedback",
        sa.Column("id", RowId, nullable=False),
        sa.Column("workspace_id", RowId, nullable=False),
        sa.Column("source", Words(), nullable=False),
        sa.Column("external_id", Words(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("text", Words(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("received_at", UtcTime(), nullable=False),
        sa.Column("title", Words(), nullable=True),
        sa.Column("author_id", Words(), nullable=True),
        sa.Column("author_name", Words(), nullable=True),
        sa.Column("author_followers", sa.BigInteger(), nullable=True),
        sa.Column("url", Words(), nullable=True),
        sa.Column("language", Words(), nullable=True),
        sa.Column("country", Words(), nullable=True),
        sa.Column("kind", Words(), nullable=False),
        sa.Column("rating_value", sa.Double(), nullable=True),
        sa.Column("rating_scale", sa.Double(), nullable=True),
        sa.Column("nps", sa.Double(), nullable=True),
        sa.Column("csat", sa.Double(), nullable=True),
        sa.Column("ces", sa.Double(), nullable=True),
        sa.Column("question", Words(), nullable=True),
        sa.Column("product", Words(), nullable=True),
        sa.Column("attributes", Json(), nullable=False),
        sa.Column("parent_id", Words(), nullable=True),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("bucket", UtcTime(), nullable=False),
        sa.Column("fingerprint", sa.BigInteger(), nullable=True),
        sa.Column("repost", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("waiting", sa.Boolean(), nullable=False),
        sa.Column("claims", sa.SmallInteger(), nullable=False),
        sa.Column("claimed_until", UtcTime(), nullable=True),
        sa.Column("error", Words(), nullable=True),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_feedback_workspace_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_feedback"),
        sa.UniqueConstraint("workspace_id", "source", "external_id", name="uq_feedback_workspace_id_source_external_id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_feedback_suspect",
        "feedback",
        ["id"],
        sqlite_where=sa.text("waiting = 1 AND claims >= 3"),
        postgresql_where=sa.text("waiting AND claims >= 3"),
    )
    op.create_index(
        "ix_feedback_waiting", "feedback", ["live", "id"], sqlite_where=sa.text("waiting = 1"), postgresql_where=sa.text("waiting")
    )
    op.create_index("ix_feedback_workspace_id_bucket", "feedback", ["workspace_id", "bucket"])
    op.create_index("ix_feedback_workspace_id_created_at_id", "feedback", ["workspace_id", "created_at", "id"])
    op.create_index("ix_feedback_workspace_id_fingerprint_created_at", "feedback", ["workspace_id", "fingerprint", "created_at"])
    op.create_table(
        "imports",
        sa.Column("id", RowId, nullable=False),
        sa.Column("workspace_id", RowId, nullable=False),
        sa.Column("filename", Words(), nullable=False),
        sa.Column("source", Words(), nullable=False),
        sa.Column("state", Words(), nullable=False),
        sa.Column("mapping", Json(), nullable=False),
        sa.Column("bytes_total", sa.BigInteger(), nullable=False),
        sa.Column("rows_read", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.Column("unchanged", sa.BigInteger(), nullable=False),
        sa.Column("erased", sa.BigInteger(), nullable=False),
        sa.Column("rejected", sa.BigInteger(), nullable=False),
        sa.Column("error", Words(), nullable=True),
        sa.Column("claims", sa.SmallInteger(), nullable=False),
        sa.Column("claimed_until", UtcTime(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("finished_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_imports_workspace_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_imports"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_imports_state", "imports", ["state"])
    op.create_index("ix_imports_workspace_id_id", "imports", ["workspace_id", "id"])
    op.create_table(
        "keys",
        sa.Column("id", RowId, nullable=False),
        sa.Column("workspace_id", RowId, nullable=False),
        sa.Column("name", Words(), nullable=False),
        sa.Column("prefix", Words(), nullable=False),
        sa.Column("digest", Words(), nullable=False),
        sa.Column("scopes", Json(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("revoked_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_keys_workspace_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_keys"),
        sa.UniqueConstraint("prefix", name="uq_keys_prefix"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_keys_workspace_id", "keys", ["workspace_id"])
    op.create_table(
        "rollups",
        sa.Column("workspace_id", RowId, nullable=False),
        sa.Column("grain", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("dims", Words(), nullable=False),
        sa.Column("bucket", UtcTime(), nullable=False),
        sa.Column("first", Words(), nullable=False),
        sa.Column("second", Words(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("effective", sa.Integer(), nullable=False),
        sa.Column("negative", sa.Integer(), nullable=False),
        sa.Column("positive", sa.Integer(), nullable=False),
        sa.Column("effective_negative", sa.Integer(), nullable=False),
        sa.Column("effective_positive", sa.Integer(), nullable=False),
        sa.Column("complaint", sa.Integer(), nullable=False),
        sa.Column("late_count", sa.Integer(), nullable=False),
        sa.Column("late_negative", sa.Integer(), nullable=False),
        sa.Column("late_complaint", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_rollups_workspace_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("workspace_id", "grain", "dims", "bucket", "first", "second", name="pk_rollups"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_rollups_values", "rollups", ["workspace_id", "grain", "dims", "first", "second", "bucket"])
    op.create_table(
        "rules",
        sa.Column("id", RowId, nullable=False),
        sa.Column("workspace_id", RowId, nullable=False),
        sa.Column("name", Words(), nullable=False),
        sa.Column("measure", Words(), nullable=False),
        sa.Column("scope", Json(), nullable=False),
        sa.Column("split_by", Json(), nullable=False),
        sa.Column("window_minutes", sa.Integer(), nullable=False),
        sa.Column("sensitivity", sa.Double(), nullable=False),
        sa.Column("least", sa.Integer(), nullable=False),
        sa.Column("channels", Json(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_rules_workspace_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_rules"),
        sa.UniqueConstraint("workspace_id", "name", name="uq_rules_workspace_id_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "sources",
        sa.Column("id", RowId, nullable=False),
        sa.Column("workspace_id", RowId, nullable=False),
        sa.Column("name", Words(), nullable=False),
        sa.Column("connector", Words(), nullable=False),
        sa.Column("options", Json(), nullable=False),
        sa.Column("sealed_options", Json(), nullable=False),
        sa.Column("every_seconds", sa.Integer(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("cursor", Words(), nullable=True),
        sa.Column("next_pull_at", UtcTime(), nullable=False),
        sa.Column("claimed_until", UtcTime(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("last_pull_at", UtcTime(), nullable=True),
        sa.Column("last_success_at", UtcTime(), nullable=True),
        sa.Column("last_error", Words(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("stored", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_sources_workspace_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_sources"),
        sa.UniqueConstraint("workspace_id", "name", name="uq_sources_workspace_id_name"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_sources_next_pull_at", "sources", ["next_pull_at"])
    op.create_table(
        "touched_buckets",
        sa.Column("id", RowId, nullable=False),
        sa.Column("workspace_id", RowId, nullable=False),
        sa.Column("bucket", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_touched_buckets_workspace_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_touched_buckets"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_touched_buckets_workspace_id_bucket", "touched_buckets", ["workspace_id", "bucket"])
    op.create_table(
        "alert_transitions",
        sa.Column("id", RowId, nullable=False),
        sa.Column("workspace_id", RowId, nullable=False),
        sa.Column("alert_id", RowId, nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("from_state", Words(), nullable=True),
        sa.Column("to_state", Words(), nullable=False),
        sa.Column("actor", Words(), nullable=False),
        sa.Column("reason", Words(), nullable=False),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.id"], name="fk_alert_transitions_alert_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_alert_transitions_workspace_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_alert_transitions"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_alert_transitions_alert_id", "alert_transitions", ["alert_id"])
    op.create_index("ix_alert_transitions_workspace_id", "alert_transitions", ["workspace_id"])
    op.create_table(
        "annotations",
        sa.Column("feedback_id", RowId, autoincrement=False, nullable=False),
        sa.Column("workspace_id", RowId, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("language", Words(), nullable=False),
        sa.Column("language_confidence", sa.Double(), nullable=False),
        sa.Column("sentiment", Words(), nullable=False),
        sa.Column("sentiment_confidence", sa.Double(), nullable=False),
        sa.Column("sentiment_scores", Json(), nullable=False),
        sa.Column("abstained", sa.Boolean(), nullable=False),
        sa.Column("complaint", sa.Boolean(), nullable=False),
        sa.Column("complaint_confidence", sa.Double(), nullable=False),
        sa.Column("model", Words(), nullable=False),
        sa.Column("taxonomy", Words(), nullable=False),
        sa.Column("annotated_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["feedback_id"], ["feedback.id"], name="fk_annotations_feedback_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_annotations_workspace_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("feedback_id", name="pk_annotations"),
    )
    op.create_index("ix_annotations_workspace_id", "annotations", ["workspace_id"])
    op.create_table(
        "deliveries",
        sa.Column("id", RowId, nullable=False),
        sa.Column("workspace_id", RowId, nullable=False),
        sa.Column("event_id", Words(), nullable=False),
        sa.Column("channel_id", RowId, nullable=False),
        sa.Column("alert_id", RowId, nullable=True),
        sa.Column("event", Words(), nullable=False),
        sa.Column("payload", Words(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", UtcTime(), nullable=False),
        sa.Column("claimed_until", UtcTime(), nullable=True),
        sa.Column("state", Words(), nullable=False),
        sa.Column("last_error", Words(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("delivered_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.id"], name="fk_deliveries_alert_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["channel_id"], ["channels.id"], name="fk_deliveries_channel_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_deliveries_workspace_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
        sa.UniqueConstraint("event_id", "channel_id", name="uq_deliveries_event_id_channel_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_deliveries_alert_id", "deliveries", ["alert_id"])
    op.create_index("ix_deliveries_channel_id", "deliveries", ["channel_id"])
    op.create_index(
        "ix_deliveries_due",
        "deliveries",
        ["next_attempt_at"],
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index("ix_deliveries_workspace_id_id", "deliveries", ["workspace_id", "id"])
    op.create_table(
        "feedback_brands",
        sa.Column("feedback_id", RowId, nullable=False),
        sa.Column("brand_id", RowId, nullable=False),
        sa.Column("workspace_id", RowId, nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name="fk_feedback_brands_brand_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["feedback_id"], ["feedback.id"], name="fk_feedback_brands_feedback_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_feedback_brands_workspace_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("feedback_id", "brand_id", name="pk_feedback_brands"),
    )
    op.create_index("ix_feedback_brands_brand_id", "feedback_brands", ["brand_id"])
    op.create_index("ix_feedback_brands_workspace_id_brand_id_feedback_id", "feedback_brands", ["workspace_id", "brand_id", "feedback_id"])
    op.create_table(
        "feedback_revisions",
        sa.Column("feedback_id", RowId, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("workspace_id", RowId, nullable=False),
        sa.Column("text", Words(), nullable=False),
        sa.Column("replaced_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["feedback_id"], ["feedback.id"], name="fk_feedback_revisions_feedback_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_feedback_revisions_workspace_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("feedback_id", "revision", name="pk_feedback_revisions"),
    )
    op.create_index("ix_feedback_revisions_workspace_id", "feedback_revisions", ["workspace_id"])
    op.create_table(
        "import_chunks",
        sa.Column("import_id", RowId, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("workspace_id", RowId, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["import_id"], ["imports.id"], name="fk_import_chunks_import_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_import_chunks_workspace_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("import_id", "number", name="pk_import_chunks"),
    )
    op.create_index("ix_import_chunks_workspace_id", "import_chunks", ["workspace_id"])
    op.create_table(
        "import_rejects",
        sa.Column("id", RowId, nullable=False),
        sa.Column("workspace_id", RowId, nullable=False),
        sa.Column("import_id", RowId, nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("reason", Words(), nullable=False),
        sa.Column("field", Words(), nullable=True),
        sa.ForeignKeyConstraint(["import_id"], ["imports.id"], name="fk_import_rejects_import_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_import_rejects_workspace_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_import_rejects"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_import_rejects_import_id", "import_rejects", ["import_id"])
    op.create_index("ix_import_rejects_workspace_id", "import_rejects", ["workspace_id"])
    op.create_table(
        "annotation_topics",
        sa.Column("feedback_id", RowId, nullable=False),
        sa.Column("topic", Words(), nullable=False),
        sa.Column("workspace_id", RowId, nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("sentiment", Words(), nullable=False),
        sa.Column("evidence", Json(), nullable=False),
        sa.ForeignKeyConstraint(["feedback_id"], ["annotations.feedback_id"], name="fk_annotation_topics_feedback_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_annotation_topics_workspace_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("feedback_id", "topic", name="pk_annotation_topics"),
    )
    op.create_index("ix_annotation_topics_workspace_id_topic_feedback_id", "annotation_topics", ["workspace_id", "topic", "feedback_id"])


def downgrade() -> None:
    for table in [
        "annotation_topics",
        "import_rejects",
        "import_chunks",
        "feedback_revisions",
        "feedback_brands",
        "deliveries",
        "annotations",
        "alert_transitions",
        "touched_buckets",
        "sources",
        "rules",
        "rollups",
        "keys",
        "imports",
        "feedback",
        "erased",
        "channels",
        "brands",
        "alerts",
        "workspaces",
        "model_changes",
        "heartbeats",
    ]:
        op.drop_table(table)
