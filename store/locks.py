"""Locks on a workspace: whoever numbers something of it, or recounts it, takes a turn."""

from sqlalchemy import Connection, select

from store.tables import workspaces


def lock_workspace(connection: Connection, workspace: int) -> None:
    """Wait until nobody else holds this lock, and hold it until the transaction ends; nothing when there is no such workspace.

    Feedback goes on meanwhile: its foreign keys do not ask for this lock.
    """
    connection.execute(select(workspaces.c.id).where(workspaces.c.id == workspace).with_for_update(key_share=True)).one_or_none()
