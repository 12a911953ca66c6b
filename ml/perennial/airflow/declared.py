"""What every DAG of a model has in common: owner, tags, retries, limits, the parameter as_of, and what to do at 3 a.m."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import DAG, CronPartitionTimetable, Param

from perennial.airflow.runs import simulated_until
from perennial.config import Model, find_home, load_declaration, model_names
from perennial.errors import ConfigError

KEY_FORMAT = "%Y-%m-%d"
FIRST_POSSIBLE_DAY = datetime(2000, 1, 1, tzinfo=UTC)
TASK_LIMIT = timedelta(minutes=30)
LONGEST_DELAY = timedelta(minutes=10)
RETRIES = 2
REMEDIES = "Read the last lines of the red task: each finding names its remedy."
LONGEST_TASK = (1 + RETRIES) * TASK_LIMIT + RETRIES * LONGEST_DELAY


def declared_models() -> Iterator[Model]:
    """Every model whose files are in order; a broken one is logged here, and `perennial doctor` says how to repair it."""
    home = find_home()
    for name in model_names(home):
        try:
            yield load_declaration(home, name).model
        except ConfigError as error:
            logging.getLogger(__name__).error("No DAGs for model %s: %s", name, error)  # noqa: TRY400 - the sentence says it all


def daily_at(model: Model, cron: str) -> CronPartitionTimetable:
    """A schedule whose runs carry the local day of the model as their key."""
    return CronPartitionTimetable(cron, timezone=model.timezone, key_format=KEY_FORMAT)


@contextmanager
def model_dag(model: Model, verb: str, *, schedule: Any, story: str, wait: timedelta = timedelta()) -> Iterator[DAG]:
    """A DAG `<model>.<verb>` with the rules of the house; the tasks that are made within the block are its own.

    A run may last as long as every attempt of every task, and the `wait` for people or for a free worker. Over its limit Airflow
    skips what has not ended, the mail included: so the limit is for runs that nobody works on, and never the first to be reached.
    """
    with _make_empty(model, verb, schedule, story) as dag:
        yield dag
    dag.dagrun_timeout = wait + sum((_longest(task) for task in dag.tasks), timedelta())


def _longest(task: Any) -> timedelta:
    longest: timedelta = (1 + task.retries) * task.execution_timeout + task.retries * LONGEST_DELAY
    return longest


@contextmanager
def installation_dag(verb: str, *, cron: str, story: str) -> Iterator[DAG]:
    """A DAG `perennial.<verb>` of the whole installation, under the same rules; `cron` is in UTC."""
    rules = _limit_attempts()
    with DAG(
        dag_id=f"perennial.{verb}",
        description=f"The whole installation: {verb}",
        schedule=cron,
        start_date=FIRST_POSSIBLE_DAY,
        end_date=_find_end(),
        catchup=False,
        max_active_runs=1,
        tags=["perennial", verb],
        doc_md=f"### perennial.{verb}\n{story}\n\n#### At 3 a.m.\n{REMEDIES}",
        default_args={"owner": "perennial", **rules},
    ) as dag:
        yield dag
    dag.dagrun_timeout = sum((_longest(task) for task in dag.tasks), timedelta())


def _find_end() -> datetime | None:
    until = simulated_until()
    return datetime(until.year, until.month, until.day, tzinfo=UTC) if until else None


def _limit_attempts() -> dict[str, Any]:
    return {
        "retries": RETRIES,
        "retry_delay": timedelta(seconds=30),
        "retry_exponential_backoff": True,
        "max_retry_delay": LONGEST_DELAY,
        "execution_timeout": TASK_LIMIT,
    }


def _make_empty(model: Model, verb: str, schedule: Any, story: str) -> DAG:
    return DAG(
        dag_id=f"{model.name}.{verb}",
        description=f"{model.description}: {verb.replace('_', ' ')}",
        schedule=schedule,
        start_date=FIRST_POSSIBLE_DAY,
        end_date=_find_end(),
        catchup=False,
        max_active_runs=1,
        tags=["perennial", model.name, verb],
        params={
            "as_of": Param(None, type=["null", "string"], format="date", description="The day to pretend it is (YYYY-MM-DD)")
        },
        doc_md=_document(model, verb, story),
        default_args={"owner": model.owner, **_limit_attempts()},
    )


def _document(model: Model, verb: str, story: str) -> str:
    return f"""\
### {model.name}.{verb}
{story}

**Declared in** `models/{model.name}.toml` · **owner** {model.owner} · **entity** `{model.entity.named}`

#### At 3 a.m.
1. Read the last lines of the red task: the error says what was found, what is still being served, and what to do.
2. A failed check keeps yesterday's scores online, so nothing has to happen before the morning.
   `analytics.freshness` says how old they are.
3. Once the cause is gone, **clear** the run here: every task is safe to run twice, and what follows it
   follows by itself.
4. Not sure what is missing? `perennial doctor` names what is broken; `perennial reconcile {model.name}` starts the days
   that were lost.
5. Scores look wrong? `perennial rollback {model.name}` puts the former champion back; the next scoring uses it.
"""
