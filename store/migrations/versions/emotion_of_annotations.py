"""The emotion of each annotation: null where the model that made it tells none."""

import sqlalchemy as sa
from alembic import op

from store.dialect import Words

revision = "emotion"
down_revision = "feedback_by_author"


def upgrade() -> None:
    op.add_column("annotations", sa.Column("emotion", Words()))
    op.add_column("annotations", sa.Column("emotion_confidence", sa.Double()))


def downgrade() -> None:
    op.drop_column("annotations", "emotion_confidence")
    op.drop_column("annotations", "emotion")
