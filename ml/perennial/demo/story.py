"""The weeks of the demo, in order: what is done, and what should come of it.

Worked example of the time: as_of 2017-10-30 begins at midnight in New York; labels of 09-25 have matured on 10-25, so
a search looks at 03-27 .. 08-07, the four Mondays 09-04 .. 09-25 are held out from it, and what serves is fitted on all of them.
On Wednesday 11-01 the labels of 10-02 have matured, and the weekly retraining learns them for Monday 11-06.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from perennial import operate, pipeline
from perennial.demo import data
from perennial.demo.account import Account
from perennial.demo.life import Life, Lived
from perennial.pipeline import Stores
from perennial.records import AdmissionEvent, Choice, Decision, Outcome, Promotion, Publication, Realised, Snapshot, Verdict
from perennial.stores import ledger

MODEL = "lapse"
HISTORY = (date(2017, 3, 27), date(2017, 10, 23))
FIRST, RETRAINED = date(2017, 10, 30), date(2017, 11, 1)
QUIET, BROKEN = date(2017, 11, 6), date(2017, 11, 13)
SHIFTED, ASKED, COOLING = date(2017, 11, 20), date(2017, 11, 27), date(2017, 12, 4)
DELIVERED, LOOKED_AT = date(2017, 12, 26), date(2017, 12, 27)
MATURED = date(2018, 1, 3)
WEEKS = (FIRST, QUIET, BROKEN, SHIFTED, ASKED, COOLING)
NOTICES = {
    FIRST: {"decision", "verdict"},
    QUIET: {"decision"},
    BROKEN: {"blocked", "decision"},
    SHIFTED: {"decision"},
    ASKED: {"decision", "verdict"},
    COOLING: {"decision"},
    LOOKED_AT: {f"rest_{ASKED:%Y%m%d}"},
    MATURED: {f"release_{ASKED:%Y%m%d}"},
}
TAKEOVER = date(2017, 11, 14)
WEEKLY_AUC, MEAN_AUC = (0.82, 0.89), (0.84, 0.87)


@dataclass
class Story:
    """One telling: the stores to look into, the life to live, the account to give, and where to plant."""

    stores: Stores
    life: Life
    account: Account
    loader_url: str

    def tell(self) -> None:
        """Live all weeks."""
        self.build_history()
        self.crown_the_first_champion()
        self.refresh_the_champion()
        self.live_a_quiet_week()
        self.stop_a_broken_day()
        self.notice_a_shift()
        self.ask_for_retraining()
        self.cool_down()
        self.let_a_poisoned_week_rest()
        self.look_back()

    def build_history(self) -> None:
        self.account.headline(f"History: snapshots of {HISTORY[0]} .. {HISTORY[1]}, as they would have looked on each day")
        days = self.stores.declaration(MODEL).model.training_as_ofs(*HISTORY)
        built = list(self.account.count(operate.backfill(self.stores, MODEL, *HISTORY), "snapshots built", of=len(days)))
        rows = sum(one.rows for one in built if isinstance(one, Snapshot))
        self.life.wake()
        self.account.expect(rows > 0, f"{len(built)} snapshots with {rows} rows were built and validated")

    def crown_the_first_champion(self) -> None:
        self.account.headline(f"{FIRST}  No champion yet: the first training is asked for, and what it finds serves")
        self.watch(self.life.start("refresh", FIRST))
        verdict = self.verdict_of(FIRST)
        self.account.require(verdict is not None and verdict.outcome is Outcome.PROMOTE, _say_verdict(verdict))
        self.account.say("  Now that there is a champion, its DAG scores the day:")
        self.watch(self.life.start("score", FIRST))
        self.expect_scores(FIRST)

    def refresh_the_champion(self) -> None:
        self.account.headline(f"{RETRAINED}  The weekly retraining: the champion's recipe is fitted anew and serves")
        before = self.champion()
        self.watch(self.life.start("retrain_weekly", RETRAINED))
        now = self.champion()
        is_fresh = before is not None and now is not None and (now.kind, now.recipe) == ("refresh", before.recipe)
        self.account.expect(is_fresh, _say_champion(now))

    def live_a_quiet_week(self) -> None:
        self.account.headline(f"{QUIET}  A quiet day, scored by the new fit")
        self.watch(self.life.start("refresh", QUIET))
        self.expect_scores(QUIET)
        self.expect_decision(QUIET, Choice.SKIP)

    def stop_a_broken_day(self) -> None:
        self.account.headline(f"{BROKEN}  Planted: a column is delivered all null")
        data.plant_null_column(self.loader_url, BROKEN)
        lived = self.watch(self.life.start("refresh", BROKEN), wanted="failed")
        self.expect_decision(BROKEN, Choice.BLOCK)
        live = self.newest()
        self.account.expect(live is not None and live.as_of == QUIET, f"analysts still see the scores of {QUIET}")
        self.account.say("  The column is delivered again, and the run is cleared:")
        data.repair_null_column(self.loader_url, BROKEN)
        self.watch(self.life.clear(lived[0], BROKEN))
        self.expect_scores(BROKEN)

    def notice_a_shift(self) -> None:
        self.account.headline(f"{SHIFTED}  Planted: the households of a closed shop are taken over; the population shifts")
        before = self.newest()
        data.plant_takeover(self.loader_url, TAKEOVER)
        self.watch(self.life.start("refresh", SHIFTED))
        now = self.newest()
        grown = now.rows / before.rows - 1 if now and before else 0.0
        self.account.expect(grown > 0.08, f"rows {grown:+.1%}")  # noqa: PLR2004 - measured +13 %
        self.expect_decision(SHIFTED, Choice.SKIP)

    def ask_for_retraining(self) -> None:
        self.account.headline(f"{ASKED}  Still there: the second of three checks asks for a retraining")
        lived = self.watch(self.life.start("refresh", ASKED))
        self.expect_decision(ASKED, Choice.TRAIN)
        self.account.expect(any(one.verb == "retrain" for one in lived), "the drift asset woke the retraining")
        verdict = self.verdict_of(ASKED)
        self.account.expect(verdict is not None and verdict.outcome is not Outcome.PROMOTE, _say_verdict(verdict))

    def cool_down(self) -> None:
        self.account.headline(f"{COOLING}  The shift goes on, but the cooldown holds")
        self.watch(self.life.start("refresh", COOLING))
        self.expect_decision(COOLING, Choice.SKIP)

    def let_a_poisoned_week_rest(self) -> None:
        self.account.headline(f"{LOOKED_AT}  Planted: a delivery loses the cards of every third household; labels turn wrong")
        data.plant_lost_cards(self.loader_url, ASKED, DELIVERED)
        self.watch(self.life.start("monitor", LOOKED_AT))
        self.expect_admission(ASKED, "rest", LOOKED_AT)
        self.account.say("  The cards are delivered again, and the day is built anew:")
        data.repair_lost_cards(self.loader_url, DELIVERED)
        built = list(operate.backfill(self.stores, MODEL, ASKED, ASKED))
        self.account.expect(len(built) == 1, f"snapshots built: {len(built)}")

    def look_back(self) -> None:
        self.account.headline(f"{MATURED}  The labels have matured: how good were the scores?")
        self.watch(self.life.start("monitor", MATURED))
        self.expect_admission(ASKED, "admit", MATURED)
        self.expect_admission(COOLING, "admit", MATURED)
        aucs = [outcome.metrics["auc"].estimate for outcome in self.outcomes()]
        low, high = WEEKLY_AUC
        spread = f"{min(aucs):.3f} .. {max(aucs):.3f}" if aucs else "none"
        self.account.expect(len(aucs) == len(WEEKS), f"{len(aucs)} of {len(WEEKS)} weeks have outcomes")
        self.account.expect(bool(aucs) and low <= min(aucs) <= max(aucs) <= high, f"single weeks: AUC {spread}")
        mean = sum(aucs) / len(aucs) if aucs else 0.0
        self.account.expect(MEAN_AUC[0] <= mean <= MEAN_AUC[1], f"mean over the weeks: AUC {mean:.4f}")
        self.expect_notices(NOTICES)

    # Looking into the ledger
    def watch(self, lived: tuple[Lived, ...], wanted: str = "success") -> tuple[Lived, ...]:
        for one in lived:
            tasks = ", ".join(f"{task} {state}" for task, state in one.tasks.items() if state != "success") or "every task"
            self.account.lived(f"{MODEL}.{one.verb}", one.state, one.seconds, tasks)
            if one.state != wanted:
                self.account.expect(holds=False, what=f"{MODEL}.{one.verb} ended as {one.state}, not {wanted}: {tasks}")
        return lived

    def newest(self) -> Publication | None:
        with self.stores.warehouse.transaction() as session:
            return ledger.newest_publication(session, MODEL)

    def champion(self) -> Promotion | None:
        with self.stores.warehouse.transaction() as session:
            history = ledger.champion_history(session, MODEL)
        return history[-1] if history else None

    def decision_of(self, as_of: date) -> Decision | None:
        with self.stores.warehouse.transaction() as session:
            return ledger.find_decision(session, MODEL, as_of)

    def verdict_of(self, as_of: date) -> Verdict | None:
        with self.stores.warehouse.transaction() as session:
            version = ledger.trained_on_day(session, MODEL, as_of)
            evaluation = ledger.latest_evaluation(session, MODEL, version.version) if version else None
        return evaluation.verdict if evaluation else None

    def outcomes(self) -> tuple[Realised, ...]:
        with self.stores.warehouse.transaction() as session:
            found = ledger.outcomes(session, MODEL, known_by=self.clock(MATURED), limit=len(WEEKS))
        return tuple(reversed(found))

    def clock(self, as_of: date) -> datetime:
        return self.stores.declaration(MODEL).model.known_until(as_of)

    # What should have happened
    def expect_scores(self, as_of: date) -> None:
        live = self.newest()
        said = pipeline.describe(live) if live else dict[str, object](rows=0)
        self.account.require(live is not None and live.as_of == as_of, f"scored: {_say(said)}")

    def expect_decision(self, as_of: date, choice: Choice) -> None:
        decision = self.decision_of(as_of)
        said = f"{decision.choice} ({decision.rule}): {decision.sentence}" if decision else "no decision"
        self.account.expect(decision is not None and decision.choice is choice, said)

    def expect_admission(self, as_of: date, event: AdmissionEvent, looked_at: date) -> None:
        """What the ledger says about the labels of an as_of once a run has looked."""
        with self.stores.warehouse.transaction() as session:
            entry = ledger.entries(session, MODEL, since=as_of, clock=self.clock(looked_at)).get(as_of)
        said = f"labels of {as_of}: {entry.event}. {entry.reason}" if entry else f"nobody looked at the labels of {as_of}"
        self.account.expect(entry is not None and entry.event == event, said)

    def expect_notices(self, told: Mapping[date, set[str]]) -> None:
        with self.stores.warehouse.transaction() as session:
            waiting = ledger.waiting_notices(session, MODEL)
            written = {day: ledger.notices_of(session, MODEL, day) for day in told}
        lacking = [f"{event} of {day}" for day, events in told.items() for event in sorted(events.difference(written[day]))]
        sent = sum(len(events) for events in written.values())
        said = f"{sent} mails were sent, {len(waiting)} wait" + (f"; never written: {', '.join(lacking)}" if lacking else "")
        self.account.expect(not waiting and not lacking, said)


def _say(facts: dict[str, object]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in facts.items())


def _say_champion(move: Promotion | None) -> str:
    return "nobody serves" if move is None else f"{move.kind}: version {move.version}, recipe {move.recipe}. {move.reason}"


def _say_verdict(verdict: Verdict | None) -> str:
    return "no verdict" if verdict is None else f"{verdict.outcome}: {' '.join(verdict.reasons)}"
