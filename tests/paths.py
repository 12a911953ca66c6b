"""Where things lie in this repository, whose root is also the home of the models that ship with it."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "ml" / "perennial"
EXAMPLE = ROOT / "docs" / "examples" / "bookings"
