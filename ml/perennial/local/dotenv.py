"""Writes .env for docker compose from .env.example: `python3 dotenv.py .env.example .env`. Standard library only.

Every empty value gets a secret of its own: 64 random bytes where the name ends in JWT_SECRET, a Fernet key (32 bytes)
where it ends in FERNET_KEY, else 32 random bytes; all URL-safe. An existing .env is never overwritten.
"""

import base64
import os
import re
import secrets
import sys
from pathlib import Path

EMPTY = re.compile(r"^([A-Z][A-Z0-9_]*)=$", re.MULTILINE)


def make_secret(name: str) -> str:
    """A new secret, long enough for what the name says; a Fernet key keeps its padding, the others need none."""
    size = 64 if name.endswith("JWT_SECRET") else 32
    text = base64.urlsafe_b64encode(secrets.token_bytes(size)).decode()
    return text if name.endswith("FERNET_KEY") else text.rstrip("=")


def write_dotenv(example: Path, target: Path) -> None:
    """Fill the example's gaps; only the owner may read the result.

    Raises:
        FileExistsError: the target is there already.
    """
    text = EMPTY.sub(lambda found: f"{found[1]}={make_secret(found[1])}", example.read_text(encoding="utf-8"))
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as output:
        output.write(text)


if __name__ == "__main__":
    try:
        write_dotenv(Path(sys.argv[1]), Path(sys.argv[2]))
    except FileExistsError:
        print(f"{sys.argv[2]} exists already and is left as it is; remove it first if you want new secrets.")
    else:
        print(f"{sys.argv[2]} is written, for you alone to read. Next: docker compose up --build --wait")
