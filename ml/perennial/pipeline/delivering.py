"""What MLflow is told of events, written after the work and apart from it: the verdicts on versions, and their model cards.

Each waits until it is written. One that fails keeps what stood in the way, fails no stage and holds up no other.
"""

from __future__ import annotations

import logging
from collections import Counter

from perennial.errors import PermanentError, RegistryUnavailable
from perennial.pipeline.carding import write_card
from perennial.pipeline.opening import Stores
from perennial.records import Run
from perennial.stores import ledger
from perennial.stores.ledger import purges
from perennial.stores.sessions import take_lock

log = logging.getLogger(__name__)


def deliver_to_registry(stores: Stores, model: str | None = None) -> dict[str, object]:
    """Write all that waits, once for all events of a version; a registry that is down ends the attempt."""
    with stores.warehouse.transaction() as session:
        waiting = ledger.waiting_deliveries(session, model)
    written, failures = Counter[str](), []
    for delivery in waiting:
        try:
            _write(stores, delivery)
            written[delivery.destination] += 1
        except (
            RegistryUnavailable,
            PermanentError,
            ValueError,
        ) as error:  # ValueError: another release wrote what we cannot read
            failures.append(str(error))
            with stores.warehouse.transaction() as session:
                ledger.mark_undelivered(session, delivery, str(error))
            if isinstance(error, RegistryUnavailable):
                break
    left = Counter[str](delivery.destination for delivery in waiting) - written
    if failures:
        log.warning("what MLflow is not told yet: %d; `perennial mail` writes it. %s", left.total(), failures[0])
    return _describe(written, left, failures)


def _describe(written: Counter[str], left: Counter[str], failures: list[str]) -> dict[str, object]:
    """Cards always, verdicts where there were any."""
    facts: dict[str, object] = {"cards": written["card"]}
    if written["verdict"] or left["verdict"]:
        facts["verdicts"] = written["verdict"]
    for destination, count in left.items():
        facts |= {f"{destination}s_waiting": count, f"{destination}s_wait_because": failures[0]}
    return facts


def _write(stores: Stores, delivery: ledger.WaitingDelivery) -> None:
    """The events were read before it is written, so that one that comes meanwhile goes on waiting.

    The card of a version whose files were purged went with them, and is not written again.
    """
    if delivery.destination == "verdict":
        _tell_verdict(stores, delivery)
    elif not _is_purged(stores, delivery):
        write_card(stores, Run(delivery.model, delivery.as_of, delivery.effective_at, "simulation"), delivery.version)
    with stores.warehouse.transaction() as session:
        ledger.mark_delivered(session, delivery)


def _tell_verdict(stores: Stores, delivery: ledger.WaitingDelivery) -> None:
    with stores.warehouse.transaction() as session:
        take_lock(session, "verdict", delivery.model, delivery.version)  # of two writers the later one knows the newer verdict
        version = ledger.get_version(session, delivery.model, delivery.version)
        evaluation = ledger.latest_evaluation(session, delivery.model, delivery.version)
        if evaluation is not None:
            stores.registry.log_verdict(version.version, version.mlflow_run_id, evaluation.verdict)


def _is_purged(stores: Stores, delivery: ledger.WaitingDelivery) -> bool:
    with stores.warehouse.transaction() as session:
        return purges.purged_at(session, "files", delivery.model, delivery.version) is not None
