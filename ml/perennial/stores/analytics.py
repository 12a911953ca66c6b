"""What people see of a model in Airflow: a few rows from the views and the ledger. Imports no frames and no boosters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import text

from perennial.stores import queries
from perennial.stores.sessions import Database, Session

Row = Mapping[str, object]
TableRows = tuple[Row, ...]

SHOWN = 12
SHOWN_VERDICTS = 5


@dataclass(frozen=True)
class ModelFacts:
    """One model as it stands now; every list newest first, every row as in sql/queries/analytics.sql."""

    model: str
    freshness: Row | None = None
    champions: TableRows = ()
    decisions: TableRows = ()
    verdicts: TableRows = ()
    shadows: TableRows = ()
    canaries: TableRows = ()
    aside: TableRows = ()
    weeks: TableRows = ()
    waiting: TableRows = ()


@dataclass(frozen=True)
class RunFacts:
    """What one run in Airflow left in the ledger; its day's decision, verdict and mail beside it."""

    model: str
    dag_run_id: str
    as_of: date | None = None
    stages: TableRows = ()
    decision: Row | None = None
    verdict: Row | None = None
    notices: TableRows = ()


def read_scores(database: Database, model: str, limit: int) -> TableRows:
    """The highest of the scores that analysts read; none before the first publication."""
    statement = text(f'select * from analytics."{model}_scores_latest" order by rank limit :limit')  # noqa: S608 - a checked name
    with database.transaction() as session:
        view = {"name": f'analytics."{model}_scores_latest"'}
        if not session.execute(queries.load("warehouse")["relation_exists"], view).scalar():
            return ()
        return tuple(dict(row) for row in session.execute(statement, {"limit": limit}).mappings())


def read_model(database: Database, model: str) -> ModelFacts:
    """Everything about one model; empty before its first run."""
    with database.transaction() as session:
        if not session.execute(queries.load("analytics")["has_begun"]).scalar():
            return ModelFacts(model)
        return ModelFacts(
            model,
            freshness=_first(_read(session, "freshness", model=model)),
            champions=_read(session, "champions", model=model, limit=SHOWN),
            decisions=_read(session, "decisions", model=model, limit=SHOWN),
            verdicts=_read(session, "verdicts", model=model, limit=SHOWN_VERDICTS),
            shadows=_read(session, "shadows", model=model),
            canaries=_read(session, "canaries", model=model, limit=SHOWN_VERDICTS),
            aside=_read(session, "aside", model=model, limit=SHOWN),
            weeks=_read(session, "weeks", model=model, limit=SHOWN),
            waiting=_read(session, "waiting", model=model),
        )


def read_run(database: Database, model: str, dag_run_id: str) -> RunFacts:
    """Everything about one run; empty when none of its stages has begun."""
    with database.transaction() as session:
        stages = _read(session, "stages", model=model, dag_run_id=dag_run_id)
        if not stages:
            return RunFacts(model, dag_run_id)
        as_of = stages[-1]["as_of"]
        assert isinstance(as_of, date)
        return RunFacts(
            model,
            dag_run_id,
            as_of=as_of,
            stages=stages,
            decision=_first(_read(session, "decision_of_day", model=model, as_of=as_of)),
            verdict=_first(_read(session, "verdict_of_day", model=model, as_of=as_of)),
            notices=_read(session, "notices_of_day", model=model, as_of=as_of),
        )


def find_report(database: Database, model: str, as_of: date) -> str | None:
    """The MLflow run that keeps the drift report of a day; None when the day was not checked."""
    with database.transaction() as session:
        found = _first(_read(session, "report_of_day", model=model, as_of=as_of))
    return None if found is None else str(found["mlflow_run_id"])


def read_parts(database: Database, digests: Sequence[str]) -> dict[str, bytes]:
    """Parts that pages share, by their SHA-256; one that the ledger does not hold is missing."""
    with database.transaction() as session:
        rows = session.execute(queries.load("analytics")["parts_of_pages"], {"digests": list(digests)})
        return {row.digest: bytes(row.content) for row in rows}


def find_training(database: Database, model: str, version: int) -> str | None:
    """The MLflow run that keeps a version and its card; None when the ledger does not know it."""
    with database.transaction() as session:
        found = _first(_read(session, "run_of_version", model=model, version=version))
    return None if found is None else str(found["mlflow_run_id"])


def _read(session: Session, query: str, **values: object) -> TableRows:
    return tuple(dict(row) for row in session.execute(queries.load("analytics")[query], values).mappings())


def _first(rows: TableRows) -> Row | None:
    return rows[0] if rows else None
