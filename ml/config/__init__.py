"""Checked, frozen configuration: what a model is, and where things are."""

from ml.config.loading import load_declaration, load_model, model_names
from ml.config.model import Declaration, Model, Source
from ml.config.settings import ROOT, Settings, find_home, read_code_version
from ml.config.smtp import Smtp

__all__ = [
    "ROOT",
    "Declaration",
    "Model",
    "Settings",
    "Smtp",
    "Source",
    "find_home",
    "load_declaration",
    "load_model",
    "model_names",
    "read_code_version",
]
