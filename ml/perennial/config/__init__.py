"""Checked, frozen configuration: what a model is, and where things are."""

from perennial.config.commits import find_commit
from perennial.config.declaration import Declaration
from perennial.config.entity import ENTITY, Entity
from perennial.config.extras import require_extra
from perennial.config.figures import describe_figure, name_figure, say_better, write_difference, write_figure
from perennial.config.inputs import Source
from perennial.config.loading import load_declaration, load_model, model_names
from perennial.config.model import Model
from perennial.config.section import Band, read_band, say_band
from perennial.config.settings import PLATFORM_SQL, Settings, find_artifacts, find_home, read_code_version
from perennial.config.smtp import Smtp

__all__ = [
    "ENTITY",
    "PLATFORM_SQL",
    "Band",
    "Declaration",
    "Entity",
    "Model",
    "Settings",
    "Smtp",
    "Source",
    "describe_figure",
    "find_artifacts",
    "find_commit",
    "find_home",
    "load_declaration",
    "load_model",
    "model_names",
    "name_figure",
    "read_band",
    "read_code_version",
    "require_extra",
    "say_band",
    "say_better",
    "write_difference",
    "write_figure",
]
