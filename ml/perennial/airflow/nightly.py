"""The operators of the nightly DAG, which is of no model and no day: end what was lost, take away what is old, look at
everything, send the mail.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowFailException

from perennial import local
from perennial.airflow.connections import read_settings
from perennial.airflow.runs import read_wall
from perennial.config import model_names
from perennial.errors import ConfigError, PermanentError, UnavailableError

if TYPE_CHECKING:
    from perennial.pipeline import Stores

log = logging.getLogger(__name__)


def find_logs() -> tuple[Path, ...]:
    """Folders with logs on this machine: those that the environment names, and the one of Airflow's own configuration."""
    own = Path(conf.get("logging", "base_log_folder")).absolute()
    return tuple(sorted({*local.find_log_folders(), *([own] if own.is_dir() else [])}))


class InstallationOperator(BaseOperator):
    """Works on the whole installation by the wall's clock; a permanent error fails without a retry."""

    ui_color = "#e8f3ec"

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - it is of no day
        """Do the work and return a few facts."""
        from perennial import pipeline  # noqa: PLC0415 - imports every heavy library; DAG parsing must not

        try:
            with pipeline.open_checked_stores(read_settings()) as stores:
                return self.work(stores)
        except PermanentError as error:
            raise AirflowFailException(str(error)) from error

    def work(self, stores: Stores) -> dict[str, Any]:
        """What this operator does."""
        raise NotImplementedError


class MarkLostOperator(InstallationOperator):
    """Ends attempts whose process is gone."""

    def work(self, stores: Stores) -> dict[str, Any]:
        from perennial import pipeline  # noqa: PLC0415 - as above

        lost = pipeline.mark_lost(stores, read_wall())
        return {"lost": [f"{run.model}, as_of {run.as_of}: {run.stage}" for run in lost]}


class PurgeOperator(InstallationOperator):
    """Takes away what each model keeps no longer and nothing needs; a model whose file is broken is left to `check`.

    One that is busy does not keep the others waiting, and fails the task at the end, which is tried again.
    """

    def work(self, stores: Stores) -> dict[str, Any]:
        from perennial import pipeline  # noqa: PLC0415 - as above

        gone, busy = {}, []
        for name in model_names(stores.settings.home):
            try:
                gone[name] = len(pipeline.purge(stores, name, read_wall(), actor="airflow", logs=find_logs()).gone)
            except (ConfigError, UnavailableError) as error:
                log.warning("%s: %s", name, error)
                busy += [error] if isinstance(error, UnavailableError) else []
        if busy:
            raise busy[0]
        return gone


class CheckOperator(InstallationOperator):
    """Looks at every invariant; what does not hold fails the task, and waits as a mail for the owners of the models concerned."""

    def work(self, stores: Stores) -> dict[str, Any]:
        from perennial import invariants  # noqa: PLC0415 - as above

        clock = read_wall()
        places = invariants.Places(find_logs(), local.find_secrets(stores.settings))
        checked = []
        for each in invariants.check_installation(stores, clock, places):
            log.info("%s", each.write())
            checked.append(each)
        findings = [found for each in checked for found in each.answer.findings]
        told = invariants.tell_owners(stores, clock, findings, "airflow")
        if findings:
            said = "\n".join(each.write() for each in checked if each.answer.findings)
            raise AirflowFailException(f"{len(findings)} things that should not be; mail waits for {len(told)} models:\n{said}")
        return {"checked": len(checked)}


class DeliverOperator(InstallationOperator):
    """Writes the cards and sends the mail that wait."""

    def work(self, stores: Stores) -> dict[str, Any]:
        from perennial import pipeline  # noqa: PLC0415 - as above

        return pipeline.deliver(stores)
