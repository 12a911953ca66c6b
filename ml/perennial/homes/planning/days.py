"""A few days as the files of now would build them, beside what stands: nothing is left behind, and nobody waits.

Each day is built as `perennial check` builds one, by the code of refresh and validate, in tables of a name that no model can
bear, in a transaction that is rolled back. What stands is read by a short transaction of its own: one that held the tables of
the model for as long as a build takes would let `sync` wait, and whoever reads behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from time import perf_counter

import pandas as pd

from perennial.config import Declaration
from perennial.errors import PermanentError
from perennial.homes.real_tables import disguise, open_rolled_back, open_trial, reveal
from perennial.pipeline.daily import examine, run_suite_of
from perennial.records import Column, RuleResult, Run, Validation
from perennial.stores import ledger, warehouse
from perennial.stores.sessions import Database, Session, explain_refusal


@dataclass(frozen=True, eq=False)
class Rows:
    """Features of a day by entity_id, with segments and clusters; labels where they have matured and were delivered."""

    features: pd.DataFrame
    labels: pd.Series | None


@dataclass(frozen=True, eq=False)
class Built:
    """A day as the files of now build it.

    Attributes:
        rows: without those that the suites reject; None where the day fails, or nobody is in it.
        fault: why it fails; `label_fault`: why its labels do.
        seconds: of the build and its suites; `label_seconds`: of the labels.
    """

    as_of: date
    rows: Rows | None = None
    validation: Validation | None = None
    fault: str = ""
    label_fault: str = ""
    seconds: float = 0.0
    label_seconds: float = 0.0


@dataclass(frozen=True, eq=False)
class Trial:
    """What the files of now give.

    Attributes:
        columns: of features.sql; empty when PostgreSQL, or the platform, refuses the files: then `fault` says why.
        contract: why the tables of the model cannot take them; empty when they can.
        added: columns that the tables lack.
    """

    columns: tuple[Column, ...] = ()
    added: tuple[Column, ...] = ()
    fault: str = ""
    contract: str = ""
    days: tuple[Built, ...] = ()


def try_files(database: Database, declaration: Declaration, as_ofs: Sequence[date], clock: datetime) -> Trial:
    """Make the tables of the model under another name, and build these days into them."""
    with open_rolled_back(database) as session:
        trial = disguise(session, declaration)
        try:
            with open_trial(session, f"The SQL of model {declaration.model.name}"):
                warehouse.sync_tables(session, trial)
        except PermanentError as error:
            return Trial(fault=reveal(str(error), trial))
        columns = warehouse.read_columns(session, trial.model.name)
        contract, added = "", tuple[Column, ...]()
        try:
            added = warehouse.check_tables(session, declaration.model, columns)
        except PermanentError as error:
            contract = str(error)
        days = tuple(_build(session, declaration, trial, as_of, clock) for as_of in as_ofs)
    return Trial(columns, added, contract=contract, days=days)


def _build(session: Session, declaration: Declaration, trial: Declaration, as_of: date, clock: datetime) -> Built:
    """One day, which spoils no other when it fails."""
    run = Run(trial.model.name, as_of, trial.model.known_until(as_of), "simulation")
    begun = perf_counter()
    try:
        with open_trial(session, f"The SQL of model {declaration.model.name}"):
            warehouse.build_snapshot(session, trial, run)
            validation, rejects = examine(session, trial, run, known_as=declaration.model.name)
            warehouse.remove_rejects(session, trial, run, rejects)
            ledger.mark_snapshot(session, run, "valid")  # under that name, so that it can be read
            features = warehouse.read_snapshot(session, trial, as_of)
    except PermanentError as error:
        return Built(as_of, fault=reveal(str(error), trial))
    seconds = perf_counter() - begun
    labels, label_fault = _label(session, declaration, trial, run, clock)
    return Built(
        as_of=as_of,
        rows=Rows(features, labels) if len(features) else None,
        validation=validation,
        label_fault=label_fault,
        seconds=seconds,
        label_seconds=perf_counter() - begun - seconds,
    )


def _label(
    session: Session, declaration: Declaration, trial: Declaration, run: Run, clock: datetime
) -> tuple[pd.Series | None, str]:
    """The labels of the day, or why there are none; of a day that has not matured neither."""
    if trial.model.matured_at(run.as_of) > clock:
        return None, ""
    try:
        with open_trial(session, f"The SQL of model {declaration.model.name}"):
            if warehouse.find_undelivered(session, trial, [run.as_of], clock):
                return None, ""  # an outage is no matter of the files
            warehouse.build_labels(session, trial, run, run.as_of)
            return warehouse.read_labels(session, trial.model, run.as_of), ""
    except PermanentError as error:
        return None, reveal(str(error), trial)


def read_standing(database: Database, declaration: Declaration, as_of: date) -> Rows:
    """What stands of a day.

    Raises:
        SnapshotMissing: it was taken away meanwhile.
        ConfigError: it cannot be read under the files of now.
    """
    with open_rolled_back(database) as session, explain_refusal(f"The rows of {declaration.model.name} on {as_of}"):
        features = warehouse.read_snapshot(session, declaration, as_of)
        labels = warehouse.read_labels(session, declaration.model, as_of)
    return Rows(features, labels if len(labels) else None)


def try_scores_suite(database: Database, declaration: Declaration, as_of: date) -> tuple[RuleResult, ...]:
    """The rules of the scores suite that fail on what was published for a day."""
    run = Run(declaration.model.name, as_of, declaration.model.known_until(as_of), "simulation")
    with open_rolled_back(database) as session:
        results, _ = run_suite_of(session, declaration, run, "scores")
    return tuple(result for result in results if not result.passed)
