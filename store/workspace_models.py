"""What a workspace adds to the shared model: read as one, by whoever is about to annotate."""

from collections.abc import Iterable

from sqlalchemy import Connection

from store.adaptations import present_adaptation
from store.records import StoredWorkspaceModel
from store.topics import workspace_taxonomy


def workspace_model(connection: Connection, workspace_id: str, weights: str) -> StoredWorkspaceModel:
    """What the workspace adds at present to the shared model whose weights are named `weights`."""
    return StoredWorkspaceModel(
        adaptation=present_adaptation(connection, workspace_id, weights), taxonomy=workspace_taxonomy(connection, workspace_id)
    )


def workspace_models(connection: Connection, workspace_ids: Iterable[str], weights: str) -> dict[str, StoredWorkspaceModel]:
    """The same for several workspaces, by id."""
    return {one: workspace_model(connection, one, weights) for one in sorted(set(workspace_ids))}
