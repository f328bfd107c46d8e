"""Channels of several kinds: options and sealed options instead of one URL, how they are written to, and how they fare."""

import sqlalchemy as sa
from alembic import op

from store.dialect import Json, UtcTime, Words

revision = "channel_kinds"
down_revision = "adaptation_reports"

channels = sa.table(
    "channels",
    sa.column("id", sa.BigInteger),
    sa.column("kind", sa.Text),
    sa.column("sealed_options", Json),
    sa.column("sealed_url", sa.Text),
    sa.column("sealed_signing_secret", sa.Text),
)


def upgrade() -> None:
    for column in (
        sa.Column("options", Json(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("sealed_options", Json(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("language", Words(), server_default="en", nullable=False),
        sa.Column("time_zone", Words(), server_default="UTC", nullable=False),
        sa.Column("include_quotes", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("last_success_at", UtcTime(), nullable=True),
        sa.Column("last_failure_at", UtcTime(), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("refusals", sa.Integer(), server_default="0", nullable=False),
    ):
        op.add_column("channels", column)
    for row in op.get_bind().execute(sa.select(channels)).all():
        sealed = {"url": row.sealed_url, "signing_secret": row.sealed_signing_secret}
        op.get_bind().execute(channels.update().where(channels.c.id == row.id).values(sealed_options=sealed))
    op.drop_column("channels", "sealed_url")
    op.drop_column("channels", "sealed_signing_secret")
    op.add_column("deliveries", sa.Column("answer", Words(), nullable=True))
    op.add_column("deliveries", sa.Column("receipt", Words(), nullable=True))
    op.add_column("deliveries", sa.Column("resent_at", UtcTime(), nullable=True))
    op.add_column("deliveries", sa.Column("link_used_at", UtcTime(), nullable=True))
    op.create_index(
        "ix_deliveries_dead",
        "deliveries",
        ["workspace_id", "id"],
        sqlite_where=sa.text("state = 'dead'"),
        postgresql_where=sa.text("state = 'dead'"),
    )


def downgrade() -> None:
    op.drop_index("ix_deliveries_dead", "deliveries")
    for name in ("link_used_at", "resent_at", "receipt", "answer"):
        op.drop_column("deliveries", name)
    op.add_column("channels", sa.Column("sealed_url", Words(), server_default="", nullable=False))
    op.add_column("channels", sa.Column("sealed_signing_secret", Words(), server_default="", nullable=False))
    op.execute(channels.delete().where(channels.c.kind != "webhook"))
    for row in op.get_bind().execute(sa.select(channels)).all():
        sealed = {"sealed_url": row.sealed_options["url"], "sealed_signing_secret": row.sealed_options["signing_secret"]}
        op.get_bind().execute(channels.update().where(channels.c.id == row.id).values(sealed))
    for name in (
        "refusals", "failures", "last_failure_at", "last_success_at", "include_quotes", "time_zone", "language", "sealed_options",
        "options",
    ):  # fmt: skip
        op.drop_column("channels", name)
