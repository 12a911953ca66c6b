"""The end of every DAG: explain what failed, tell MLflow what waits for it, and send what the outbox holds."""

from __future__ import annotations

from perennial import notices
from perennial.errors import MailRefused, MailUnavailable
from perennial.pipeline.delivering import deliver_to_registry
from perennial.pipeline.opening import Stores
from perennial.records import Notice, Run
from perennial.stores import ledger
from perennial.stores import mail as post
from perennial.stores.sessions import Session


def mail(stores: Stores, run: Run, *, dag: str, failed_tasks: tuple[str, ...] = ()) -> dict[str, object]:
    """Write a notice about failed tasks that nobody has explained yet, then deliver. Never fails for SMTP or MLflow."""
    if failed_tasks and run.purpose != "backfill":
        _explain_failure(stores, run, dag, failed_tasks)
    return deliver(stores)


def deliver(stores: Stores) -> dict[str, object]:
    """Everything that waits, of all models: first what MLflow is told, for the mail leads to it."""
    return {**deliver_to_registry(stores), **drain_outbox(stores)}


def _explain_failure(stores: Stores, run: Run, dag: str, failed_tasks: tuple[str, ...]) -> None:
    with stores.warehouse.transaction() as session:
        messages = ledger.failure_messages(session, run)
        if not messages or not ledger.tells_of_stop(session, run, messages[-1]):
            notice = notices.write_failure(run, dag, failed_tasks, messages)
            ledger.put_notice(session, run, notice, stores.declaration(run.model).model.owner)


def drain_outbox(stores: Stores) -> dict[str, object]:
    """Send what waits, what was never tried first; one notice per transaction, so that a crash repeats at most one.

    A refused notice goes on waiting and holds up no other; a server that is down ends the attempt.
    """
    with stores.warehouse.transaction() as session:
        waiting = ledger.waiting_notices(session)
    sent, refusals = 0, []
    for message_id in waiting:
        try:
            sent += _send(stores, message_id)
        except (MailUnavailable, MailRefused, ValueError) as error:  # ValueError: another release wrote what we cannot read
            refusals.append(str(error))
            with stores.warehouse.transaction() as session:
                ledger.mark_failed(session, message_id, str(error))
            if isinstance(error, MailUnavailable):
                break
    return {"sent": sent, "waiting": len(waiting) - sent, **({"because": refusals[0]} if refusals else {})}


def _complete(session: Session, notice: Notice) -> Notice:
    """A decision, with the page of its day; or with a word on its absence: the page is drawn after the decision."""
    if notice.event != "decision":
        return notice
    checks = ledger.last_checks(session, notice.model, notice.as_of, limit=1)
    drawn = next((check.report for check in checks if check.as_of == notice.as_of), None)
    return notices.link_report(notice, drawn)


def _send(stores: Stores, message_id: str) -> int:
    smtp = stores.settings.smtp
    with stores.warehouse.transaction() as session:
        envelope = ledger.claim_notice(session, message_id)
        if envelope is None:  # somebody else is sending it
            return 0
        message = post.render(
            _complete(session, envelope.notice),
            sender=smtp.sender,
            recipient=envelope.recipient,
            message_id=message_id,
            sent_at=envelope.effective_at,
        )
        post.send(message, smtp)
        ledger.mark_sent(session, message_id)
    return 1
