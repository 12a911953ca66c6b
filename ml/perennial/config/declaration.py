"""A model with its files, and the hashes by which what they built is known."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, InstanceOf

from perennial.config.label import UNSAID
from perennial.config.model import Model


class Declaration(BaseModel):
    """A model with the files that belong to it: its SQL texts and the folder of its suites."""

    model_config = ConfigDict(frozen=True)

    model: InstanceOf[Model]  # which was checked when it was made
    features_sql: str
    labels_sql: str
    expectations: Path

    @property
    def query_hash(self) -> str:
        """SHA-256 over both queries."""
        return hashlib.sha256(f"{self.features_sql}\0{self.labels_sql}".encode()).hexdigest()

    def definition_hash(self, kind: Literal["features", "labels"]) -> str:
        """SHA-256 over what decides the rows of a snapshot, or of labels: what was built under another is built anew.

        Lines of comment do not, nor do keys that the queries and their views do not read, such as the owner's address.
        """
        sql = {"features": self.features_sql, "labels": self.labels_sql}[kind]
        code = [line for line in sql.splitlines() if not line.lstrip().startswith("--")]
        reads_label = kind == "labels" or any(re.search(r":(?:horizon_days|label_end)\b", line) for line in code)
        keys = {"timezone", "entity", "sources", *(["label"] if reads_label else [])}
        stated = self.model.model_dump(mode="json", include=keys) | {"settle_hours": self.model.schedule.settle_hours}
        for source in stated["sources"].values():
            source.pop("history_from")  # says which days are refused, and changes no row
            for key in ("table", "zone", "valid_from", "valid_to"):  # came later: what was built before stays valid
                if source[key] is None:
                    source.pop(key)
        for key in ("cluster", "may_be_empty"):  # say what counts as one piece of evidence, and as quiet: they change no row
            stated["entity"].pop(key)
        if reads_label:
            stated["label"].pop("cap")  # labels stand as they are, and count up to the cap when they are read
            read = set(self.model.label.beside) if kind == "labels" else set()
            for key in {"weight", "value"} - read:  # came later
                stated["label"].pop(key)
            if stated["label"]["task"] == UNSAID:
                stated["label"].pop("task")  # came later
        return hashlib.sha256("\n".join([json.dumps(stated, sort_keys=True), *code]).encode()).hexdigest()
