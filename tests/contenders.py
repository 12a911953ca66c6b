"""The small world with a champion, and challengers whose verdicts a test writes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

from perennial.pipeline import approving
from perennial.records import Contest, Evaluation, Outcome, Recipe, Run
from perennial.stores import ledger
from tests.world import FIRST_DAY, MODEL, World

CHOSEN_ON = date(2017, 5, 1)
NEXT_DAY, LATER_DAY = FIRST_DAY + timedelta(days=7), FIRST_DAY + timedelta(days=14)


@dataclass(frozen=True)
class Contenders:
    """The small world with a champion, and challengers that are copies of it under numbers of their own."""

    world: World
    champion: int

    def assess(self, day: date | None = None, *, champion: int | None = None, outcome: Outcome = Outcome.PROMOTE) -> Evaluation:
        """Register a challenger and record a verdict on it."""
        run = self.world.run(day or NEXT_DAY)
        version = self._register(run)
        former = self._read(self.champion).verdict
        verdict = replace(
            former,
            as_of=run.as_of,
            outcome=outcome,
            challenger_version=version,
            challenger_recipe=self._find_recipe(version),
            champion_version=champion or self.champion,
            champion_recipe=self._find_recipe(champion or self.champion),
            reasons=("AUC is better.",),
        )
        with self.world.stores.warehouse.transaction() as session:
            ledger.record_evaluation(session, run, verdict)
        return self._read(version)

    def enter_contest(self, evaluation: Evaluation) -> Contest:
        """The test of the challenger of a verdict."""
        pair = self._find_recipe(evaluation.verdict.challenger_version), self._find_recipe(self.champion)
        with self.world.stores.warehouse.transaction() as session:
            return ledger.open_contest(session, self.run_of(evaluation), pair, ledger.Terms(0.001, 16, 4))

    def ask(self, evaluation: Evaluation):
        return approving.ask(self.world.stores, self.run_of(evaluation), evaluation, ("A test wants it.",))

    def question_of(self, evaluation: Evaluation) -> int:
        """The number of what was asked about a verdict; one that nobody has where nobody asked."""
        found = self.world.ask(
            "select question_id from ledger.approvals where evaluation_id = :verdict", verdict=evaluation.evaluation_id
        )
        return found[0]["question_id"] if found else 0

    def answer(self, evaluation: Evaluation, decision: str, actor: str = "ann", *, run: Run | None = None, remark=None):
        return approving.answer(
            self.world.stores,
            run or self.run_of(evaluation),
            self.question_of(evaluation),
            decision=decision,
            actor=actor,
            source="shell",
            remark=remark,
        )

    def carry_out(self, evaluation: Evaluation):
        return approving.carry_out(self.world.stores, self.run_of(evaluation), self.question_of(evaluation))

    def expire(self, evaluation: Evaluation):
        return approving.expire(self.world.stores, self.run_of(evaluation), self.question_of(evaluation))

    def run_of(self, evaluation: Evaluation) -> Run:
        return self.world.run(evaluation.verdict.as_of)

    @property
    def questions(self) -> list[tuple]:
        rows = self.world.ask(
            "select version, status, answered_by, answer_source, remark from ledger.approvals order by question_id"
        )
        return [tuple(row.values()) for row in rows]

    @property
    def serving(self) -> tuple[int, int]:
        """The champion of the ledger, and the alias."""
        with self.world.stores.warehouse.transaction() as session:
            return ledger.champion(session, MODEL), self.world.stores.registry.get_champion(MODEL)

    def _register(self, run: Run) -> int:
        client = self.world.stores.registry._client
        first = client.get_model_version(MODEL, str(self.champion))
        tags = {"trained_for": run.as_of.isoformat()}
        made = client.create_model_version(MODEL, first.source, first.run_id, tags=tags, await_creation_for=0)
        recipe = Recipe("logistic", {"C": float(made.version)})
        with self.world.stores.warehouse.transaction() as session:
            entry = ledger.enter_recipe(session, run, recipe, origin="search", chosen_on=CHOSEN_ON, because="A test wants it.")
        self.world.tell(
            """
            insert into ledger.versions
            select (json_populate_record(versions, json_build_object(
                'version', cast(:version as integer), 'trained_for', cast(:day as date), 'data_hash', cast(:version as text),
                'recipe', cast(:recipe as integer)
            ))).*
            from ledger.versions where version = :champion
            """,
            version=int(made.version),
            day=run.as_of,
            recipe=entry.number,
            champion=self.champion,
        )
        return int(made.version)

    def _find_recipe(self, version: int) -> int:
        found = self.world.ask("select recipe from ledger.versions where version = :version", version=version)
        return found[0]["recipe"] if found else 0

    def _read(self, version: int) -> Evaluation:
        with self.world.stores.warehouse.transaction() as session:
            return ledger.latest_evaluation(session, MODEL, version)
