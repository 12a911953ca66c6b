"""Where things lie: the root of this repository, which is also the home of the models that are measured."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
