"""A backup of an installation in one folder, and an installation made from one: warehouse, MLflow's database and its files."""

from perennial.backup.making import make_backup
from perennial.backup.manifest import Manifest, read_manifest
from perennial.backup.places import Places, find_places
from perennial.backup.restoring import restore_backup

__all__ = ["Manifest", "Places", "find_places", "make_backup", "read_manifest", "restore_backup"]
