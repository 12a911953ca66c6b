"""MLflow: trainings, their versions, and the alias `champion`. The only user of the library.

The alias is a projection of the ledger (`perennial.promote`); nothing here decides. Model files travel as plain artifacts, in
the libraries' own formats beside our JSON: no pickle, no pyfunc, and no flavour that would load them for us.
"""

from perennial.stores.registry.alias import ChampionAlias
from perennial.stores.registry.artifacts import name_report, read_card, read_report
from perennial.stores.registry.environment import prepare_mlflow
from perennial.stores.registry.keeping import MOST_KEPT, discard_files, find_kept, note_use
from perennial.stores.registry.purging import OldRuns
from perennial.stores.registry.server import Registry

__all__ = [
    "MOST_KEPT",
    "ChampionAlias",
    "OldRuns",
    "Registry",
    "discard_files",
    "find_kept",
    "name_report",
    "note_use",
    "prepare_mlflow",
    "read_card",
    "read_report",
]
