"""Runs the migrations on the connection that store.database hands over, in its transaction."""

from alembic import context

from store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite can undo changes of the schema too, once the transaction was begun explicitly.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
