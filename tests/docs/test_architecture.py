"""architecture.md says what the code does: stages, tables, folders."""

import re

from perennial.config import PLATFORM_SQL
from perennial.pipeline import STAGES
from tests.paths import ROOT

ARCHITECTURE = (ROOT / "architecture.md").read_text(encoding="utf-8")


def test_the_stages_stand_in_the_order_of_the_code():
    written = re.search(r"^Stages: (.+)$", ARCHITECTURE, re.MULTILINE).group(1)
    assert list(STAGES) == re.findall(r"`(\w+)`", written)


def test_every_ledger_table_is_in_the_architecture():
    created = set(
        re.findall(r"create table ledger\.(\w+)", "".join(p.read_text() for p in (PLATFORM_SQL / "schema").glob("*.sql")))
    )
    assert set() == {table for table in created if f"`{table}`" not in ARCHITECTURE}


def test_every_folder_at_the_top_is_in_the_architecture():
    tracked = {"models", "sql", "expectations", "ml", "dags", "plugins", "docs", "bench", "tests"}
    assert set() == {folder for folder in tracked if f"{folder}/" not in ARCHITECTURE}
