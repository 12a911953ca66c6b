"""A small installation that is put back, between two faults, to where it was: its warehouse, its files, and MLflow's."""

from __future__ import annotations

import hashlib
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from sqlalchemy import make_url, text

from perennial import pipeline
from perennial.config import Settings, Smtp
from perennial.pipeline import Stores
from perennial.records import Run
from perennial.stores.sessions import Database, run_script
from tests.cases.harness import read_file
from tests.conftest import TestMlflow, TestPostgres
from tests.world import END_STATE
from tests.world import MODEL as LAPSE

MODEL, CAPTURED = "stay", "plan"
PEOPLE = """
create table source.people (member text not null, plan text);
insert into source.people select 'm' || number, 'basic' from generate_series(1, 20) as number;
"""
IN_PLACE = '\n[sources.people]\ntimes = "captured"\nkey = ["member"]\n'
EDITS = (
    ('name = "quit"', f'name = "{MODEL}"'),
    ("[monitoring]", '[promotion]\napproval = "{approval}"\n\n[scoring]\ncanary = 0.3\n\n[retention]\n{retention}\n[monitoring]'),
)
KEPT = ("snapshots", "scores", "quarantine", "mail", "reports", "files")
ALSO = {
    "scores": "select to_jsonb(each) - 'publication_id' as told from scores.lapse as each order by as_of, entity_id",
    "figures": """
        select as_of, to_jsonb(figures) - 'publication_id' as told
        from ledger.outcome_metrics as figures join ledger.outcomes using (publication_id) order by as_of, position""",
    "approvals": "select status, answered_by from ledger.approvals order by question_id",
    "canaries": "select started_for, contest_id, salt, alpha, last_look, missing from ledger.canaries order by canary_id",
    "canary_ends": "select kind, reason, as_of from ledger.canary_ends order by canary_id",
    "canary_arms": """
        select as_of, arm, arms.rows, arms.mean_score
        from ledger.canary_arms as arms join ledger.publications using (publication_id)
        where status = 'live' order by as_of, arm""",
    "purges": "select kind, as_of, version from ledger.purges order by 1, 2, 3",
    "erasures": "select models, rows, reason from ledger.erasures order by erasure_id",
}
NUMBERED = re.compile(r"canary_\d+")
"""A transaction that is rolled back takes a number with it."""
LEFT_OVER = """
select from pg_stat_activity
where datname = current_database() and (application_name like 'perennial%' or application_name like 'pg\\_%')"""
TABLES = """
select schemaname, tablename from pg_tables where schemaname in ('features', 'labels', 'scores', 'ledger', 'history', 'tuning')
order by 1, 2"""
TABLES_OF_MLFLOW = """
select tablename from pg_tables where schemaname = 'public' and tablename not in ('alembic_version', 'job_locks')
    and tablename not in (select table_name from information_schema.columns where is_generated = 'ALWAYS')
order by 1"""  # traces, of which we write none, compute columns
MASKS = (
    (re.compile(r'"20(2[6-9]|[3-9]\d)-[^"]*"'), '"an instant of the wall"'),  # the world lives in 2025
    (re.compile(r"\b1[6-9]\d{11}\b"), "a millisecond of the wall"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "a number of MLflow's"),
    (re.compile(r"(?<=-)[0-9a-f]{8}\b"), "a folder's"),
)


def make_home(folder: Path, *models: str, approval: str = "manual", world: str = "plain", kept_days: int = 45) -> Path:
    """A world of tests/cases under other names; `plan` has a table that is updated in place beside it."""
    retention = "".join(f"{kind}_days = {kept_days}\n" for kind in KEPT)
    for name in models:
        for part, files in {"sql": ("features.sql", "labels.sql"), "expectations": ("source", "snapshot", "scores")}.items():
            (folder / part / name).mkdir(parents=True)
            for file in files:
                ending = "" if part == "sql" else ".json"
                content = read_file(world, f"{file}{ending}")
                (folder / part / name / f"{file}{ending}").write_text(content.replace("quit.", f"{name}."), encoding="utf-8")
        content = read_file(world, "model.toml")
        for before, after in EDITS:
            assert content.count(before) == 1, before
            content = content.replace(before, after.format(retention=retention, approval=approval).replace(MODEL, name))
        if name == CAPTURED:
            content = content.replace("\n[schedule]", f"{IN_PLACE}\n[schedule]")
        (folder / "models").mkdir(exist_ok=True)
        (folder / "models" / f"{name}.toml").write_text(content, encoding="utf-8")
    return folder


@dataclass(frozen=True)
class Place:
    """One installation; a test asks its database as superuser."""

    stores: Stores
    database: Database = field(repr=False)
    postgres: TestPostgres = field(repr=False)

    @property
    def settings(self) -> Settings:
        return self.stores.settings

    @property
    def name(self) -> str:
        found = make_url(self.settings.warehouse_url).database
        assert found is not None
        return found

    def run(self, as_of: date, model: str = MODEL) -> Run:
        return Run(model, as_of, self.stores.declaration(model).model.known_until(as_of), "simulation", actor="tester")

    def ask(self, query: str, **values: object) -> list[dict[str, object]]:
        with self.database.transaction() as session:
            return [dict(row) for row in session.execute(text(query), values).mappings()]

    def tell(self, statements: str) -> None:
        with self.database.transaction() as session:
            run_script(session, statements)

    def results(self, model: str = MODEL) -> dict[str, list[dict[str, object]]]:
        """What the stages have left behind, without the numbers and instants of single attempts."""
        found = {name: self.ask(query.replace(LAPSE, model)) for name, query in {**END_STATE, **ALSO}.items()}
        for row in (*found["events"], *found["outbox"]):
            row |= {name: NUMBERED.sub("canary", str(row[name])) for name in ("kind", "event") if name in row}
        return found

    def wait_for_the_dead(self) -> None:
        """Until PostgreSQL has noticed that a process is gone, and what it had started has ended."""
        while self.ask(LEFT_OVER):
            time.sleep(0.02)


@dataclass(frozen=True)
class Mlflow:
    """The MLflow of the session, whose content is kept under names and put back; other tests find it as they left it.

    Attributes:
        model: whose files are kept.
    """

    server: TestMlflow
    database: Database = field(repr=False)
    model: str = MODEL

    @property
    def artifacts(self) -> Path:
        return self.server.server.folder / "artifacts"

    def keep(self, name: str) -> None:
        with self.database.transaction() as session:
            tables = list(session.execute(text(TABLES_OF_MLFLOW)).scalars())
            run_script(session, f"drop schema if exists {name} cascade; create schema {name};")
            run_script(session, ";".join(f"create table {name}.{table} as table public.{table}" for table in tables))
        copy_folder(self._folder(), self._kept(name))

    def restore(self, name: str) -> None:
        with self.database.transaction() as session:
            tables = list(session.execute(text(TABLES_OF_MLFLOW)).scalars())
            run_script(session, "set local session_replication_role = replica;")
            run_script(session, ";".join(f"delete from public.{table}" for table in tables))
            run_script(session, ";".join(f"insert into public.{table} table {name}.{table}" for table in tables))
        copy_folder(self._kept(name), self._folder())

    def forget(self, names: list[str]) -> None:
        with self.database.transaction() as session:
            for name in names:
                run_script(session, f"drop schema if exists {name} cascade;")
        for name in names:
            shutil.rmtree(self._kept(name), ignore_errors=True)

    def _folder(self) -> Path | None:
        """Of the experiment of the model, which other tests do not have."""
        with self.database.transaction() as session:
            number = session.execute(
                text("select experiment_id from experiments where name = :name"), {"name": self.model}
            ).scalar_one_or_none()
        return None if number is None else self.artifacts / str(number)

    def _kept(self, name: str) -> Path:
        return self.artifacts.parent / "kept" / name


@dataclass(frozen=True)
class Saved:
    """An installation as it stood at one moment, under a name."""

    name: str
    results: dict[str, list[dict[str, object]]]
    letters: frozenset[str] = frozenset()


def copy_folder(source: Path | None, target: Path | None) -> None:
    """Let `target` hold what `source` holds, and nothing else."""
    if target is not None:
        shutil.rmtree(target, ignore_errors=True)
        if source is not None and source.is_dir():
            shutil.copytree(source, target, symlinks=True)


def digest(place: Place, mlflow: Mlflow) -> str:
    """What a process that dies now leaves: rows, files and runs, but for instants of the wall and random numbers."""
    found = hashlib.sha256()
    with place.database.transaction() as session:
        names = [f'"{row.schemaname}"."{row.tablename}"' for row in session.execute(text(TABLES))]
        for name in names:
            rows = session.execute(text(f"select to_jsonb(each)::text from {name} as each")).scalars()
            found.update(f"{name} {sorted(map(_mask, rows))}".encode())
    with mlflow.database.transaction() as session:
        for name in session.execute(text(TABLES_OF_MLFLOW)).scalars().all():
            rows = session.execute(text(f"select to_jsonb(each)::text from {name} as each")).scalars()
            found.update(f"{name} {sorted(map(_mask, rows))}".encode())
    for folder in (place.settings.artifacts, mlflow._folder()):
        for path in sorted(folder.rglob("*")) if folder else ():
            content = path.read_bytes().hex() if path.is_file() else ""
            found.update(f"{_mask(str(path.relative_to(folder)))} {_mask(content)}".encode())
    return found.hexdigest()


def _mask(said: str) -> str:
    for pattern, word in MASKS:
        said = pattern.sub(word, said)
    return said


@contextmanager
def open_place(  # noqa: PLR0917 - what an installation is made of
    postgres: TestPostgres, database: str, mlflow_uri: str, home: Path, artifacts: Path, smtp: Smtp
) -> Iterator[Place]:
    settings = Settings(
        warehouse_url=postgres.url(database, "pipeline"),
        owner_url=postgres.url(database, "owner"),
        mlflow_uri=mlflow_uri,
        home=home,
        artifacts=artifacts,
        trials=1,
        smtp=smtp,
        airflow_public_url="https://airflow.example.com",
    )
    superuser = Database(postgres.server.url(database, "postgres"), "test")
    with pipeline.open_stores(settings) as stores:
        yield Place(stores, superuser, postgres)
    superuser.dispose()


def with_settings(place: Place, **changes: object) -> Place:
    """The same place by other addresses."""
    return replace(place, stores=replace(place.stores, settings=replace(place.settings, **changes)))
