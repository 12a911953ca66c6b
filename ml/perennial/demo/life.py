"""Living days through a real Airflow: start one key, and follow it from DAG to DAG until nothing more follows."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from perennial.errors import StackError
from perennial.local import AirflowClient, Deadline, Patience

VERBS = ("refresh", "score", "monitor", "retrain_weekly", "retrain", "approve")
ENDED = ("success", "failed")
POLL_SECONDS = 0.5
RUN_SECONDS = 600.0  # of quiet cores, for each step by itself


@dataclass(frozen=True)
class Lived:
    """One DAG run that has ended: the states of its tasks, and how long it took from being queued."""

    verb: str
    run_id: str
    state: str
    tasks: Mapping[str, str]
    seconds: float

    def did(self, task: str) -> bool:
        return self.tasks.get(task) == "success"


Look = Callable[[], object]


def see_nothing() -> Look:
    """Nobody wants to see what goes on inside a run."""
    return lambda: None


class Life:
    """One model in one Airflow.

    Args:
        begin_to_look: is called when a run is waited for; what it returns is called again and again until that has ended.
    """

    def __init__(
        self,
        airflow: AirflowClient,
        model: str,
        patience: Patience | None = None,
        begin_to_look: Callable[[], Look] = see_nothing,
    ) -> None:
        self._airflow = airflow
        self._model = model
        self._patience = patience or Patience.from_environment()
        self._begin_to_look = begin_to_look
        self._seen: set[str] = set()

    def wake(self) -> None:
        """Unpause the DAGs once Airflow has read them, consumers first: a paused consumer loses its event for good."""
        airflow, deadline = self._begin()
        wanted = {self._name(verb) for verb in VERBS}
        if not deadline.await_that(lambda: wanted <= set(airflow.dags()), poll_seconds=POLL_SECONDS):
            raise StackError(f"Airflow has not read the DAGs of {self._model}: see Import Errors on its home page.")
        for verb in ("approve", "monitor", "score", "retrain", "retrain_weekly", "refresh"):
            airflow.unpause(self._name(verb))

    def start(self, verb: str, as_of: date) -> tuple[Lived, ...]:
        """Trigger a DAG for a day and follow the key through everything that it wakes, in the order in which it ends."""
        airflow, _ = self._begin()
        run_id = airflow.trigger(self._name(verb), partition_key=as_of.isoformat())
        return self._follow(verb, run_id, as_of)

    def clear(self, lived: Lived, as_of: date) -> tuple[Lived, ...]:
        """Run a run again from its first task, and follow what it wakes."""
        airflow, _ = self._begin()
        airflow.clear(self._name(lived.verb), lived.run_id)
        return self._follow(lived.verb, lived.run_id, as_of)

    def _follow(self, verb: str, run_id: str, as_of: date) -> tuple[Lived, ...]:
        self._seen.add(run_id)
        lived = self._await_end(verb, run_id)
        woken = [self._follow(next_verb, self._await_start(next_verb, as_of), as_of) for next_verb in _what_follows(lived)]
        return (lived, *(one for each in woken for one in each))

    def _await_start(self, verb: str, as_of: date) -> str:
        airflow, deadline = self._begin()
        while not deadline.is_over:
            runs = airflow.runs(self._name(verb), partition_key=as_of.isoformat())
            new = [str(run["dag_run_id"]) for run in runs if run["dag_run_id"] not in self._seen]
            if new:
                return new[-1]
            time.sleep(POLL_SECONDS)
        raise StackError(f"{self._name(verb)} was not woken for {as_of} within {deadline.elapsed:.0f} s: is the DAG paused?")

    def _await_end(self, verb: str, run_id: str) -> Lived:
        name, (airflow, deadline), look = self._name(verb), self._begin(), self._begin_to_look()
        time.sleep(POLL_SECONDS)  # a cleared run still shows its old state for a moment
        while not deadline.is_over:
            run = airflow.dag_run(name, run_id)
            if run["state"] in ENDED:
                tasks = {task["task_id"]: task["state"] for task in airflow.task_instances(name, run_id)}
                return Lived(verb, run_id, run["state"], tasks, _duration(run))
            look()
            time.sleep(POLL_SECONDS)
        raise StackError(f"{name}, {run_id} did not end within {deadline.elapsed:.0f} s; see its log in Airflow.")

    def _begin(self) -> tuple[AirflowClient, Deadline]:
        """The limit of a step that begins now, and a client that asks a silent Airflow again until then."""
        deadline = self._patience.begin(RUN_SECONDS)
        return self._airflow.until(deadline), deadline

    def _name(self, verb: str) -> str:
        return f"{self._model}.{verb}"


def _what_follows(lived: Lived) -> tuple[str, ...]:
    """The DAGs that this run has woken, by the assets of its tasks."""
    announced = {
        ("refresh", "validate"): "score",
        ("score", "score"): "monitor",
        ("score", "ask_for_first_training"): "retrain",
        ("monitor", "ask_for_retraining"): "retrain",
        ("retrain_weekly", "ask_for_retraining"): "retrain",
    }
    return tuple(woken for (verb, task), woken in announced.items() if verb == lived.verb and lived.did(task))


def _duration(run: Mapping[str, str]) -> float:
    started, ended = (datetime.fromisoformat(run[key]) for key in ("start_date", "end_date"))
    return (ended - started).total_seconds()
