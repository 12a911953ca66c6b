"""The operators of our DAGs: one stage of `perennial.pipeline` for one as_of, an announcement, and the mail at the end."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, BaseOperator
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from perennial.airflow.connections import read_settings
from perennial.airflow.links import DriftReportLink, MlflowRunLink
from perennial.airflow.runs import read_reason, read_run
from perennial.config import load_declaration
from perennial.errors import NothingToDo, NotPromoted, PermanentError, UnavailableError, VersionMissing
from perennial.records import ApprovalQuestion, Run, Shard

if TYPE_CHECKING:
    from perennial.pipeline import Stores

LONGEST_WAIT_SECONDS = 60.0
ENDED = ("success", "failed", "skipped", "upstream_failed", "removed", "up_for_retry")
Work = Callable[["Stores", Run, Mapping[str, Any]], dict[str, Any]]


class ModelOperator(BaseOperator):
    """Runs for one model and one as_of; a permanent error fails without a retry, nothing to do is a skip."""

    ui_color = "#e8f3ec"
    operator_extra_links = (MlflowRunLink(), DriftReportLink())

    def __init__(self, *, model: str, announces: Asset | None = None, **arguments: Any) -> None:
        outlets = [announces] if announces else arguments.pop("outlets", [])  # which Airflow hands back when a task is mapped
        super().__init__(outlets=outlets, **arguments)
        self.model = model
        self.announces = announces
        self.links: dict[str, str] = {}

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Do the work, announce the as_of to whoever waits for it, and return a few facts (never rows)."""
        return self.live(context, self.work)

    def live(self, context: Mapping[str, Any], work: Work) -> dict[str, Any]:
        """One piece of work within the open stores: refusals become skips and failures as the house has it."""
        from perennial import pipeline  # noqa: PLC0415 - imports every heavy library; DAG parsing must not

        try:
            declaration = load_declaration(read_settings().home, self.model)
            run = read_run(context, declaration.model)
            with pipeline.open_checked_stores(read_settings()) as stores:
                facts = work(stores, run, context)
                self.links = _find_links(stores, run)
        except NothingToDo as nothing:
            raise AirflowSkipException(str(nothing)) from nothing
        except PermanentError as error:
            raise AirflowFailException(str(error)) from error
        if self.announces is not None:
            self._announce(context, run, facts)
        return facts

    def work(self, stores: Stores, run: Run, context: Mapping[str, Any]) -> dict[str, Any]:
        """What this operator does; the facts it returns are shown in the task and travel with the announcement."""
        raise NotImplementedError

    @property
    def traced(self) -> tuple[str, ...]:
        """The stages of which Airflow's provider of OpenLineage is told what they read and wrote."""
        return ()

    def get_openlineage_facets_on_start(self) -> Any:
        """Called by that provider alone, as are the next two."""
        from perennial.airflow import lineage  # noqa: PLC0415 - without the extra `lineage` nobody asks

        return lineage.tell_start(self.model, self.traced)

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """What the ledger says that the stages of this task read and wrote."""
        from perennial.airflow import lineage  # noqa: PLC0415 - as above

        return lineage.tell_end(self.model, self.traced, task_instance.get_template_context())

    def get_openlineage_facets_on_failure(self, task_instance: Any) -> Any:
        """The same: of a stage that failed, what it found."""
        return self.get_openlineage_facets_on_complete(task_instance)

    def _announce(self, context: Mapping[str, Any], run: Run, facts: dict[str, Any]) -> None:
        event = context["outlet_events"][self.announces]
        event.add_partitions(run.as_of.isoformat())
        event.extra = {"purpose": run.purpose, **{key: facts[key] for key in ("reason", "version") if key in facts}}


def _find_links(stores: Stores, run: Run) -> dict[str, str]:
    """The buttons of a task whose work is done: what does not answer now costs them, not the work."""
    from perennial import pipeline  # noqa: PLC0415 - as above

    try:
        return dict(pipeline.find_links(stores, run))
    except (UnavailableError, VersionMissing) as error:
        logging.getLogger(__name__).warning("%s: this task has no links. %s", run, error)
        return {}


class StageOperator(ModelOperator):
    """Stages of `perennial.pipeline`, one after the other."""

    def __init__(self, *, stages: tuple[str, ...], **arguments: Any) -> None:
        super().__init__(**arguments)
        self.stages = stages

    @property
    def traced(self) -> tuple[str, ...]:
        return self.stages

    def work(self, stores: Stores, run: Run, context: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - see ModelOperator
        from perennial import pipeline  # noqa: PLC0415 - as above

        facts: dict[str, Any] = {}
        for stage in self.stages:
            facts |= pipeline.describe(pipeline.STAGES[stage](stores, run))
        return facts


class PlanShardsOperator(ModelOperator):
    """Begins an attempt to publish the day; returns its shards, two numbers each, for tasks that are mapped over them."""

    def execute(self, context: Mapping[str, Any]) -> Any:
        return self.live(context, self.work)["shards"]

    def work(self, stores: Stores, run: Run, context: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - see ModelOperator
        from perennial import pipeline  # noqa: PLC0415 - as above

        return {"shards": [[shard.attempt, shard.number] for shard in pipeline.plan_shards(stores, run)]}


class ScoreShardOperator(ModelOperator):
    """Scores one shard into its table; run twice, once."""

    def __init__(self, *, shard: Sequence[int], **arguments: Any) -> None:
        super().__init__(**arguments)
        self.shard = shard

    def work(self, stores: Stores, run: Run, context: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - see ModelOperator
        from perennial import pipeline  # noqa: PLC0415 - as above

        attempt, number = self.shard
        pipeline.score_shard(stores, run, Shard(attempt, number))
        return {"attempt": attempt, "shard": number}


class CommitShardsOperator(ModelOperator):
    """Publishes the attempt that a task has planned, once all its shards are scored."""

    def __init__(self, *, planned_by: str, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.planned_by = planned_by

    @property
    def traced(self) -> tuple[str, ...]:
        return ("score",)

    def work(self, stores: Stores, run: Run, context: Mapping[str, Any]) -> dict[str, Any]:
        from perennial import pipeline  # noqa: PLC0415 - as above

        attempt, _ = context["ti"].xcom_pull(task_ids=self.planned_by)[0]
        return pipeline.describe(pipeline.commit_shards(stores, run, attempt))


class AssembleOperator(ModelOperator):
    """Joins snapshots with matured labels; knows why the retraining was asked for."""

    @property
    def traced(self) -> tuple[str, ...]:
        return ("assemble",)

    def work(self, stores: Stores, run: Run, context: Mapping[str, Any]) -> dict[str, Any]:
        from perennial import pipeline  # noqa: PLC0415 - as above

        return {**pipeline.describe(pipeline.assemble(stores, run)), "reason": read_reason(context)}


class PromoteOperator(ModelOperator):
    """Makes the best challenger of the day champion; a skip when nobody is, or when a person is asked first."""

    @property
    def traced(self) -> tuple[str, ...]:
        return ("promote",)

    def work(self, stores: Stores, run: Run, context: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - see ModelOperator
        from perennial import pipeline  # noqa: PLC0415 - as above

        promoted = pipeline.promote(stores, run)
        if isinstance(promoted, ApprovalQuestion):
            raise NotPromoted(f"{run}: {pipeline.describe(promoted)['because']}")
        return pipeline.describe(promoted)


class AskForApprovalOperator(ModelOperator):
    """Tells whoever waits with people that a question of this day is open; a skip when none is."""

    def work(self, stores: Stores, run: Run, context: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - see ModelOperator
        from perennial.pipeline import approving, describe  # noqa: PLC0415 - as above

        question = approving.find_question_of_day(stores, run)
        if question.status != "open":
            raise NothingToDo(f"{run}: {describe(question)['because']}")
        return describe(question)


class AskForTrainingOperator(ModelOperator):
    """Asks for a retraining: `weekly` always, `drift` when the decision of the day says TRAIN, `first` without a champion."""

    def __init__(self, *, reason: str, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.reason = reason

    def work(self, stores: Stores, run: Run, context: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - see ModelOperator
        from perennial import pipeline  # noqa: PLC0415 - as above

        return {"reason": self.reason, "because": pipeline.ask_for_retraining(stores, run, reason=self.reason)}


class MailOperator(ModelOperator):
    """Sends what the outbox holds, after failures too; a mail server that is down fails nothing.

    A task beside it whose work the mail links to is waited for, a minute at most; the mail says itself what is missing then.
    """

    def __init__(self, *, waits_for: str = "", **arguments: Any) -> None:
        super().__init__(**arguments)
        self.waits_for = waits_for

    def work(self, stores: Stores, run: Run, context: Mapping[str, Any]) -> dict[str, Any]:
        from perennial import pipeline  # noqa: PLC0415 - as above

        deadline = time.monotonic() + LONGEST_WAIT_SECONDS
        states = _read_states(context, run)
        while self.waits_for and states.get(self.waits_for) not in ENDED and time.monotonic() < deadline:
            time.sleep(1)
            states = _read_states(context, run)
        failed = tuple(
            sorted(task for task, state in states.items() if state in ("failed", "up_for_retry") and task != self.waits_for)
        )
        return pipeline.mail(stores, run, dag=context["dag"].dag_id.partition(".")[2], failed_tasks=failed)


def _read_states(context: Mapping[str, Any], run: Run) -> dict[str, str | None]:
    """The state of every task of this run."""
    states = context["ti"].get_task_states(dag_id=context["dag"].dag_id, run_ids=[run.dag_run_id])
    return dict(states.get(run.dag_run_id, {}))
