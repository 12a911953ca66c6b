"""A question waits in Airflow: what ends the wait, and that an answer reaches the question that was shown.

Ledger, registry, operators and trigger are real; of Airflow there is only the channel to its server, kept in memory.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest
from airflow.sdk.api.datamodels._generated import HITLDetailResponse, HITLUser
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType, TaskDeferred
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import CreateHITLDetailPayload, ErrorResponse, GetHITLDetailResponse

from perennial.airflow.approval import AnswerTrigger, AskPersonOperator, CarryOutOperator
from perennial.errors import NotPromoted, PromotionRefused
from perennial.pipeline import approving
from tests.contenders import LATER_DAY
from tests.world import MODEL, edit_model

TASK = UUID("01a1fdd9-a1c2-7e30-9bdc-0a0ae7e5b5ba")
ANN = HITLUser(id="1", name="ann")
LONG_AGO, FAR_AWAY = datetime(2017, 1, 1, tzinfo=UTC), datetime(2117, 1, 1, tzinfo=UTC)


class Channel:
    """Required actions as Airflow's server keeps them; `status` is how it answers while it cannot serve."""

    def __init__(self):
        self.shown: list[CreateHITLDetailPayload] = []
        self.chosen: list[str] | None = None
        self.status: int | None = 200

    def send(self, msg):
        if isinstance(msg, CreateHITLDetailPayload):
            self.shown.append(msg)
        if isinstance(msg, GetHITLDetailResponse):
            return self._read()
        return None

    def _read(self) -> HITLDetailResponse:
        if self.status != 200:
            raise AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={"status_code": self.status}))
        return HITLDetailResponse(
            response_received=self.chosen is not None,
            responded_by_user=ANN if self.chosen else None,
            responded_at=FAR_AWAY if self.chosen else None,
            chosen_options=self.chosen,
        )


@pytest.fixture
def channel(contenders, monkeypatch) -> Channel:
    """The way to Airflow's server for whatever runs in this process."""
    opened = Channel()
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", opened, raising=False)
    url = contenders.world.settings.warehouse_url.replace("postgresql+psycopg2://", "postgres://")
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", url)
    return opened


class Kept(dict):
    """What Airflow keeps for a task over its tries."""

    def set(self, key, value):
        self[key] = value


def open_context(kept: Kept | None = None, *, told=None) -> dict[str, object]:
    task = SimpleNamespace(id=TASK, xcom_pull=lambda task_ids: {"ask": told}[task_ids])
    return {"ti": task, "task_state_store": Kept() if kept is None else kept}


def await_answer(question, until=FAR_AWAY) -> dict[str, object] | None:
    """What one look of the trigger says."""
    return AnswerTrigger(ti_id=str(TASK), question_id=question.question_id, until=until)._look()


def record(contenders, question, event):
    operator = AskPersonOperator(task_id="ask", model=MODEL)
    return operator._record(
        contenders.world.stores,
        contenders.world.run(question.as_of),
        open_context(),
        event=event,
        question_id=question.question_id,
    )


def start(contenders, question, kept=None) -> TaskDeferred:
    """The task `ask` begins, and goes to wait."""
    with pytest.raises(TaskDeferred) as waiting:
        AskPersonOperator(task_id="ask", model=MODEL).work(
            contenders.world.stores, contenders.world.run(question.as_of), open_context(kept)
        )
    return waiting.value


# What ends the wait
def test_while_nobody_answers_the_wait_goes_on(contenders, channel):
    assert await_answer(contenders.ask(contenders.assess())) is None


def test_at_the_deadline_the_wait_ends_and_the_question_stays_open(contenders, channel):
    evaluation = contenders.assess()
    question = contenders.ask(evaluation)
    event = await_answer(question, until=LONG_AGO)
    assert {"is_timed_out": True} == event
    assert "open" == record(contenders, question, event)["status"]
    with pytest.raises(NotPromoted, match="waits for a person"):
        contenders.carry_out(evaluation)


def test_an_answer_from_a_shell_ends_the_wait_and_stands(contenders, channel):
    evaluation = contenders.assess()
    question = contenders.ask(evaluation)
    contenders.answer(evaluation, "approve", actor="bob")
    event = await_answer(question)
    assert {"is_closed": True} == event
    assert "approved" == record(contenders, question, event)["status"]
    assert [(question.version, "approved", "bob", "shell", None)] == contenders.questions


@pytest.mark.parametrize("day", [None, LATER_DAY], ids=["the same day", "a later day"])
def test_a_newer_challenger_ends_the_wait_and_its_own_question_stays_open(contenders, channel, day):
    older = contenders.ask(contenders.assess())
    contenders.ask(contenders.assess(day))
    event = await_answer(older)
    assert {"is_closed": True} == event
    assert "superseded" == record(contenders, older, event)["status"]
    assert ["superseded", "open"] == [row[1] for row in contenders.questions]


def test_another_champion_ends_the_wait_and_the_owner_is_told(contenders, channel):
    question = contenders.ask(contenders.assess())
    forced = contenders.assess().verdict.challenger_version
    approving.force(contenders.world.stores, contenders.world.run(question.as_of), forced, reason="Needed today.")
    event = await_answer(question)
    assert {"is_closed": True} == event
    assert "superseded" == record(contenders, question, event)["status"]
    told = contenders.world.ask_one(
        "select notice ->> 'headline' from ledger.outbox where event = :event", event=f"answer_{question.version}"
    )
    assert f"version {question.version} was not promoted: the question is out of date" == told


@pytest.mark.parametrize(("chosen", "status"), [("Approve", "approved"), ("Reject", "rejected")])
def test_an_answer_in_airflow_is_recorded_under_the_name_of_who_gave_it(contenders, channel, chosen, status):
    question = contenders.ask(contenders.assess())
    channel.chosen = [chosen]
    assert status == record(contenders, question, await_answer(question))["status"]
    assert [(question.version, status, "ann", "airflow", None)] == contenders.questions


# Faults
def test_an_action_that_airflow_does_not_know_is_shown_again(contenders, channel):
    question = contenders.ask(contenders.assess())
    channel.status = 404
    event = await_answer(question)
    assert {"is_unknown": True} == event
    operator = AskPersonOperator(task_id="ask", model=MODEL)
    run = contenders.world.run(question.as_of)
    with pytest.raises(TaskDeferred):
        operator._ask_again(contenders.world.stores, run, open_context(), question_id=question.question_id)
    assert [TASK] == [action.ti_id for action in channel.shown]


@pytest.mark.parametrize("status", [500, 503, None], ids=["a fault", "busy", "no connection"])
def test_a_server_that_does_not_say_what_was_answered_is_asked_again_even_after_the_deadline(contenders, channel, status):
    question = contenders.ask(contenders.assess())
    channel.status = status
    assert await_answer(question, until=LONG_AGO) is None


# The question that was shown is the one that is answered
def test_an_approval_under_the_evidence_of_one_version_never_approves_another(contenders, channel):
    shown = contenders.ask(contenders.assess())
    contenders.ask(contenders.assess())
    channel.chosen = ["Approve"]
    with pytest.raises(PromotionRefused, match=f"about version {shown.version} was superseded"):
        record(contenders, shown, await_answer(shown))
    assert ["superseded", "open"] == [row[1] for row in contenders.questions]


def test_the_wait_carries_the_number_of_the_question_that_is_shown(contenders, channel):
    question = contenders.ask(contenders.assess())
    waiting = start(contenders, question)
    assert {"question_id": question.question_id} == waiting.kwargs
    assert question.question_id == waiting.trigger.question_id


def test_a_second_try_waits_for_what_the_first_has_shown_and_shows_nothing_again(contenders, channel):
    question, kept = contenders.ask(contenders.assess()), Kept()
    waits = [start(contenders, question, kept).kwargs for _ in range(2)]
    assert [{"question_id": question.question_id}] * 2 == waits
    assert 1 == len(channel.shown)


def test_a_second_try_does_not_take_up_a_newer_question(contenders, channel):
    shown, kept = contenders.ask(contenders.assess()), Kept()
    start(contenders, shown, kept)
    contenders.ask(contenders.assess())
    told = AskPersonOperator(task_id="ask", model=MODEL).work(
        contenders.world.stores, contenders.world.run(shown.as_of), open_context(kept)
    )
    assert (shown.version, "superseded") == (told["version"], told["status"])


def test_what_was_approved_is_promoted_although_a_newer_question_waits(contenders, channel):
    question = contenders.ask(contenders.assess())
    channel.chosen = ["Approve"]
    told = record(contenders, question, await_answer(question))
    contenders.ask(contenders.assess())
    promoted = CarryOutOperator(task_id="promote", model=MODEL).work(
        contenders.world.stores, contenders.world.run(question.as_of), open_context(told=told)
    )
    assert question.version == promoted["version"]


# What people see
def test_people_choose_between_two_buttons_and_no_answer_is_a_rejection(contenders, channel):
    start(contenders, contenders.ask(contenders.assess()))
    (action,) = channel.shown
    assert (["Approve", "Reject"], ["Reject"], []) == (action.options, action.defaults, action.assigned_users)


def test_only_the_approvers_of_the_model_file_may_answer(contenders, channel):
    edit_model(contenders.world.settings.home, {"approvers = [] ": 'approvers = ["ann", "bob"] '})
    start(contenders, contenders.ask(contenders.assess()))
    (action,) = channel.shown
    assert ["ann", "bob"] == [user.name for user in action.assigned_users]


def test_the_wait_ends_at_the_deadline_of_the_question(contenders, channel):
    question = contenders.ask(contenders.assess())
    left = start(contenders, question).trigger.until - datetime.now(UTC)
    assert timedelta(hours=71, minutes=59) < left <= timedelta(hours=72)
