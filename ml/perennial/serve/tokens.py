"""Who may ask: names, each with the SHA-256 of its token, in a file that its owner alone may read.

A file and not a table: role analyst, as which a server reads, could not be kept from a table that it needs; a file goes where
the server goes, a secret of Kubernetes too, and is there when PostgreSQL is not. A token has 256 random bits, so that a plain
hash is enough: nobody tries them all.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from perennial.config.folders import changing_alone, make_private
from perennial.errors import ConfigError

PREFIX = "prn_"  # by which scanners of repositories can know one
TOKEN_BYTES = 32
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
MODE = 0o600


@dataclass(frozen=True)
class Token:
    """One that may be used: what is kept of it.

    Attributes:
        created_at: ISO 8601, UTC.
    """

    name: str
    sha256: str
    created_at: str


@dataclass(frozen=True)
class TokenFile:
    """The file; a change of it holds within a poll of the server."""

    path: Path

    def read(self) -> Mapping[str, Token]:
        """Tokens by name; none where there is no file yet.

        Raises:
            ConfigError: others may read it, or it is not what `perennial token` writes.
        """
        try:
            mode = stat.S_IMODE(self.path.stat().st_mode)
            content = self.path.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise ConfigError(f"{self.path} cannot be read: {error.strerror}. PERENNIAL_SERVE_TOKENS names another.") from error
        if mode & (stat.S_IRWXO | stat.S_IWGRP | stat.S_IXGRP):
            raise ConfigError(f"{self.path} has mode {mode:04o}, so that others may read or change it: chmod 600 {self.path}")
        try:
            return {token.name: token for token in TypeAdapter(list[Token]).validate_json(content)}
        except ValidationError as error:
            raise ConfigError(
                f"{self.path} is not what `perennial token` writes ({error.error_count()} faults): restore it, or take it away "
                "and make new tokens."
            ) from None

    def add(self, name: str, created_at: datetime) -> str:
        """Make a token; it is returned, and cannot be read anywhere afterwards.

        Raises:
            ConfigError: the name is taken, or none.
        """
        if not NAME.fullmatch(name):
            raise ConfigError("A token's name has 1 to 40 of a-z, 0-9, '.', '_' and '-', and begins with a letter or digit.")
        with changing_alone(make_private(self.path.parent)):
            known = self.read()
            if name in known:
                raise ConfigError(
                    f"There is a token '{name}' already: `perennial token revoke {name}` first, or take another name."
                )
            token = PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
            self._write({**known, name: Token(name, hash_token(token), created_at.isoformat(timespec="seconds"))})
        return token

    def revoke(self, name: str) -> None:
        """Take a token away.

        Raises:
            ConfigError: there is none of this name.
        """
        with changing_alone(make_private(self.path.parent)):
            known = dict(self.read())
            if known.pop(name, None) is None:
                raise ConfigError(f"There is no token '{name}': `perennial token list` shows them.")
            self._write(known)

    def _write(self, tokens: Mapping[str, Token]) -> None:
        """Whole or not at all, and never readable to others on the way."""
        beside = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        beside.unlink(missing_ok=True)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE), "w", encoding="utf-8") as file:
            json.dump([asdict(token) for token in tokens.values()], file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.path)


def hash_token(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
