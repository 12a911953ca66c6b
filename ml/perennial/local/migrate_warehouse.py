"""Brings the platform's own tables up to this version, as the role owner of PERENNIAL_OWNER_URL: a job of `perennial up`.

A process of its own, because it imports every heavy library, which the supervisor would keep for as long as the stack lives.
"""

from __future__ import annotations

import os
import sys

from perennial.errors import PerennialError
from perennial.stores.warehouse import migrate

if __name__ == "__main__":
    try:
        for name in migrate(os.environ["PERENNIAL_OWNER_URL"]):
            print(f"applied {name}")
    except PerennialError as error:
        sys.exit(str(error))
