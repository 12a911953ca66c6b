"""The model cards that events wait for, written after the work and apart from it.

A card waits until it is written. One that fails keeps what stood in the way, fails no stage and holds up no other.
"""

from __future__ import annotations

import logging

from perennial.errors import PermanentError, RegistryUnavailable
from perennial.pipeline.carding import write_card
from perennial.pipeline.opening import Stores
from perennial.records import Run
from perennial.stores import ledger
from perennial.stores.ledger import purges

log = logging.getLogger(__name__)


def deliver_cards(stores: Stores, model: str | None = None) -> dict[str, object]:
    """Write every card that waits, once for all events of a version; a registry that is down ends the attempt."""
    with stores.warehouse.transaction() as session:
        waiting = ledger.waiting_cards(session, model)
    written, failures = 0, []
    for card in waiting:
        try:
            _write(stores, card)
            written += 1
        except (
            RegistryUnavailable,
            PermanentError,
            ValueError,
        ) as error:  # ValueError: another release wrote what we cannot read
            failures.append(str(error))
            with stores.warehouse.transaction() as session:
                ledger.mark_undelivered(session, card, str(error))
            if isinstance(error, RegistryUnavailable):
                break
    if failures:
        log.warning("cards that wait: %d; `perennial mail` writes them. %s", len(waiting) - written, failures[0])
    left = {"cards_waiting": len(waiting) - written, "cards_wait_because": failures[0]} if failures else {}
    return {"cards": written, **left}


def _write(stores: Stores, card: ledger.WaitingCard) -> None:
    """The events were read before the card is written, so that one that comes meanwhile goes on waiting.

    The card of a version whose files were purged went with them, and is not written again.
    """
    with stores.warehouse.transaction() as session:
        if purges.purged_files(session, card.model, card.version) is not None:
            ledger.mark_delivered(session, card)
            return
    write_card(stores, Run(card.model, card.as_of, card.effective_at, "simulation"), card.version)
    with stores.warehouse.transaction() as session:
        ledger.mark_delivered(session, card)
