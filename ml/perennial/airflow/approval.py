"""A question to a person in Airflow: a required action that waits without a worker, and what follows from the answer.

The ledger holds the truth. While the task waits, a trigger looks at the ledger and at Airflow's own record of the action,
so that an answer from a shell, a newer challenger or another champion ends the wait as an answer in Airflow does.

Airflow resumes a waiting task in the moment of the answer. When that is before its executor has noticed that the task went
to wait, the scheduler takes the resumed task for lost and fails it. The answer stays with the task instance, so a retry
does not ask again (that would wipe the answer) but goes back to waiting, and finds it.

An answer counts for the question that was shown, also when a newer one of the same day has overtaken it: its number is kept
with the task over every try, and travels with the wait and on to the promotion.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from uuid import UUID

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowRuntimeError, TaskDeferred
from airflow.sdk.execution_time.hitl import HITLUser, get_hitl_detail_content_detail, upsert_hitl_detail
from airflow.sdk.timezone import utcnow
from airflow.triggers.base import BaseTrigger, TriggerEvent

from perennial.airflow.connections import write_warehouse_url
from perennial.airflow.stage import ModelOperator
from perennial.config import load_declaration
from perennial.errors import WarehouseUnavailable
from perennial.records import ApprovalAnswer, ApprovalQuestion, Run

if TYPE_CHECKING:
    from perennial.pipeline import Stores

APPROVE, REJECT = "Approve", "Reject"
POLL_SECONDS = 5.0
SHOWN = "question_id"
"""Under which a task keeps the number of the question that it has shown, and tells it to the next."""


class AskPersonOperator(ModelOperator):
    """Waits as a required action until the question of the day has an answer, and puts the answer into the ledger."""

    def work(self, stores: Stores, run: Run, context: Mapping[str, Any]) -> dict[str, Any]:
        from perennial.pipeline import approving  # noqa: PLC0415 - imports every heavy library; DAG parsing must not

        kept = context["task_state_store"]
        shown = kept.get(SHOWN)
        if shown is not None:
            return self._wait(approving.get_question(stores, run, int(shown)), run, context)
        question = approving.find_question_of_day(stores, run)
        if question.status == "open":
            kept.set(SHOWN, question.question_id)  # before it is shown: whoever is stopped in between finds it not shown
            self._show(stores, question, context["ti"].id)
        return self._wait(question, run, context)

    def _wait(self, question: ApprovalQuestion, run: Run, context: Mapping[str, Any]) -> dict[str, Any]:
        if question.status != "open":
            return _tell(question)
        trigger = AnswerTrigger(
            ti_id=str(context["ti"].id), question_id=question.question_id, until=utcnow() + (question.deadline - run.clock)
        )
        raise TaskDeferred(trigger=trigger, method_name="resume", kwargs={"question_id": question.question_id})

    def resume(self, context: Mapping[str, Any], event: Mapping[str, Any], question_id: int) -> dict[str, Any]:
        """Go on after the wait for a question: the event is Airflow's own about an answer, or our trigger's."""
        if event.get("is_unknown"):
            return self.live(context, partial(self._ask_again, question_id=question_id))
        return self.live(context, partial(self._record, event=event, question_id=question_id))

    def _ask_again(self, stores: Stores, run: Run, context: Mapping[str, Any], *, question_id: int) -> dict[str, Any]:
        from perennial.pipeline import approving  # noqa: PLC0415 - as above

        question = approving.get_question(stores, run, question_id)
        if question.status == "open":
            self._show(stores, question, context["ti"].id)
        return self._wait(question, run, context)

    def _show(self, stores: Stores, question: ApprovalQuestion, ti_id: UUID) -> None:
        from perennial.pipeline import approving  # noqa: PLC0415 - as above

        subject, body = approving.write_request(stores, question)
        approvers = load_declaration(stores.settings.home, self.model).model.promotion.approvers
        upsert_hitl_detail(
            ti_id=ti_id,
            options=[APPROVE, REJECT],
            defaults=[REJECT],
            subject=subject,
            body=body,
            params={},  # None is refused
            assigned_users=[HITLUser(id=name, name=name) for name in approvers],
        )

    def _record(
        self,
        stores: Stores,
        run: Run,
        context: Mapping[str, Any],  # noqa: ARG002 - see ModelOperator
        *,
        event: Mapping[str, Any],
        question_id: int,
    ) -> dict[str, Any]:
        from perennial.pipeline import approving  # noqa: PLC0415 - as above

        person = event.get("responded_by_user")
        if person is None:
            return _tell(approving.expire(stores, run, question_id))
        decision: ApprovalAnswer = "approve" if APPROVE in event["chosen_options"] else "reject"
        return _tell(approving.answer(stores, run, question_id, decision=decision, actor=person["name"], source="airflow"))


def _tell(question: ApprovalQuestion) -> dict[str, Any]:
    from perennial.pipeline import describe  # noqa: PLC0415 - as above

    return {**describe(question), SHOWN: question.question_id}


class CarryOutOperator(ModelOperator):
    """Makes the version champion that the task `ask` was told to; a skip when nobody has approved it."""

    @property
    def traced(self) -> tuple[str, ...]:
        return ("carry_out",)

    def work(self, stores: Stores, run: Run, context: Mapping[str, Any]) -> dict[str, Any]:
        from perennial.pipeline import approving, describe  # noqa: PLC0415 - as above

        return describe(approving.carry_out(stores, run, context["ti"].xcom_pull(task_ids="ask")[SHOWN]))


class AnswerTrigger(BaseTrigger):
    """Fires when somebody has answered in Airflow, when the ledger has closed the question, or when time is up."""

    def __init__(self, *, ti_id: str, question_id: int, until: datetime, poll_seconds: float = POLL_SECONDS) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Airflow's
        self.ti_id = ti_id
        self.question_id = question_id
        self.until = until
        self.poll_seconds = poll_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class and its arguments, for the triggerer."""
        names = ("ti_id", "question_id", "until", "poll_seconds")
        return f"{__name__}.{type(self).__name__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look every few seconds, the first time after the executor has had time to see the task go to wait."""
        while True:
            await asyncio.sleep(self.poll_seconds)
            event = await asyncio.to_thread(self._look)
            if event is not None:
                yield TriggerEvent(event)  # type: ignore[no-untyped-call] # Airflow's
                return

    def _look(self) -> dict[str, Any] | None:
        """What ends the wait; None while nothing does, and while Airflow does not say whether somebody has answered."""
        try:
            detail = get_hitl_detail_content_detail(ti_id=UUID(self.ti_id))
        except AirflowRuntimeError as failure:
            return {"is_unknown": True} if _is_never_shown(failure) else None
        person = detail.responded_by_user
        if detail.response_received and person is not None:
            return {
                "chosen_options": list(detail.chosen_options or []),
                "responded_by_user": {"id": person.id, "name": person.name},
            }
        if self._read_status() != "open":
            return {"is_closed": True}
        return {"is_timed_out": True} if utcnow() >= self.until else None

    def _read_status(self) -> str:
        """A warehouse that does not answer changes nothing: the next look asks again."""
        from perennial.stores import ledger  # noqa: PLC0415 - only the triggerer needs it
        from perennial.stores.sessions import Database  # noqa: PLC0415 - as above

        try:
            with Database(write_warehouse_url(Connection.get("warehouse")), "perennial answers").transaction() as session:
                return ledger.question_status(session, self.question_id)
        except WarehouseUnavailable:
            return "open"


def _is_never_shown(failure: AirflowRuntimeError) -> bool:
    """Airflow knows no such action: its task ended before. Faults of server and network come as the same error."""
    return (failure.error.detail or {}).get("status_code") == HTTPStatus.NOT_FOUND
