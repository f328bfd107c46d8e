"""What a workspace adds to the shared model: read as one, by whoever is about to annotate."""

from collections.abc import Iterable

from sqlalchemy import Connection, and_, func, select

from store.adaptations import present_adaptation
from store.records import StoredWorkspaceModel
from store.tables import adaptations, taxonomies, workspaces
from store.topics import workspace_taxonomy

Numbers = tuple[int | None, int | None]
"""Of the adaptation in force, and of the taxonomy: as long as they stay, `workspace_model` does."""


def workspace_model(connection: Connection, workspace_id: str, weights: str) -> StoredWorkspaceModel:
    """What the workspace adds at present to the shared model whose weights are named `weights`."""
    return StoredWorkspaceModel(
        adaptation=present_adaptation(connection, workspace_id, weights), taxonomy=workspace_taxonomy(connection, workspace_id)
    )


def workspace_models(connection: Connection, workspace_ids: Iterable[str], weights: str) -> dict[str, StoredWorkspaceModel]:
    """The same for several workspaces, by id."""
    return {one: workspace_model(connection, one, weights) for one in sorted(set(workspace_ids))}


def workspace_numbers(connection: Connection, weights: str) -> dict[str, Numbers]:
    """What every workspace adds, told by its numbers alone: cheap enough to ask every few seconds."""
    in_force = and_(adaptations.c.workspace_id == workspaces.c.id, adaptations.c.weights == weights, adaptations.c.undone_at.is_(None))
    query = (
        select(workspaces.c.id, func.max(adaptations.c.number), func.max(taxonomies.c.number))
        .outerjoin_from(workspaces, adaptations, in_force)
        .outerjoin(taxonomies, taxonomies.c.workspace_id == workspaces.c.id)
        .group_by(workspaces.c.id)
    )
    return {str(one): (adaptation, taxonomy) for one, adaptation, taxonomy in connection.execute(query)}
