"""What Airflow's triggerer is handed to wait with."""

from datetime import UTC, datetime
from importlib import import_module

from perennial.airflow.approval import AnswerTrigger

UNTIL = datetime(2017, 11, 9, 11, tzinfo=UTC)


def test_a_trigger_is_made_again_from_what_it_says_of_itself():
    place, arguments = AnswerTrigger(ti_id="0193", question_id=3, until=UNTIL).serialize()
    module, _, name = place.rpartition(".")
    again = getattr(import_module(module), name)(**arguments)
    assert ("0193", 3, UNTIL, 5.0) == (again.ti_id, again.question_id, again.until, again.poll_seconds)
