"""Entities that are copies of each other count as one piece of evidence: `entity.cluster` of a model file.

The cluster becomes a level of every index, by which influence values are summed; an entity without a cluster is one of its own.
"""

from __future__ import annotations

from typing import cast

import pandas as pd

from perennial.metrics.beside import Values, find_rows, name_levels, read_beside


def name_clusters(clusters: pd.Series) -> pd.Series:
    """Text for every row: `in <cluster>`, or `alone <entity>` where no cluster is known."""
    entities = clusters.index.get_level_values("entity_id").astype(str)
    alone = pd.Series("alone " + entities, index=clusters.index)
    return ("in " + clusters.astype("object").fillna("").astype(str)).where(clusters.notna(), alone)


def widen_index(index: pd.Index, named: pd.Series) -> pd.MultiIndex:
    """The index with the cluster as its last level; `name_clusters` has named all of its rows, by (as_of, entity_id)."""
    return name_levels(index, read_beside(index), pd.Index(named.reindex(find_rows(index))))


def add_clusters(values: Values, clusters: pd.Series | None) -> Values:
    """The same values with the clusters, if there are any, in their index."""
    return values if clusters is None else reindex_by_cluster(values, name_clusters(clusters))


def reindex_by_cluster(values: Values, named: pd.Series) -> Values:
    """The same values with the clusters, which `name_clusters` has named, in their index."""
    return cast("Values", values.set_axis(widen_index(values.index, named)))
