"""Who is under test against whom, on what error; and what becomes of a contest after a look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from perennial.compare import TestPlan, account, choose_shadows, unseen_as_ofs
from perennial.config import Model
from perennial.promote import list_champions
from perennial.records import Contest, Outcome, Run, Side, Verdict, Version
from perennial.stores import ledger
from perennial.stores.sessions import Session

Days = tuple[date, ...]
WEEK = 7
SUPERIOR = ("promote", "forced", "manual")
"""Kinds of movements that a renewal is measured against: all but renewals, and rollbacks, which only go back."""
DISPLACED = "It leaves the test undecided: others under test promise more, and only so many are kept."


@dataclass(frozen=True)
class ContestPair:
    """A challenger and the champion it is compared with.

    Attributes:
        contest: None without a champion, and when the account of errors is empty.
        refit: the champion's recipe on the challenger's rows, for the day's challenger.
        anchor: of a renewal: the last version that entered by being better, where that is not the champion.
        as_ofs: to compare on, oldest first.
    """

    challenger: Version
    champion: Version | None
    side: Side = "superiority"
    contest: Contest | None = None
    test: TestPlan | None = None
    account_frees_on: date | None = None
    refit: Version | None = None
    anchor: Version | None = None
    as_ofs: Days = ()

    @property
    def looked_at(self) -> Days:
        """The as_ofs of the newest look so far."""
        return self.contest.looks[-1].as_ofs if self.contest and self.contest.looks else ()


def enter_pairs(
    session: Session, model: Model, run: Run, *, challenger: Version, champion: Version | None, labelled: Days
) -> tuple[ContestPair, ...]:
    """The day's challenger, every shadow, and a renewal when the champion is old enough; less those that have their answer.

    A challenger made of the same rows by the same recipe as an older version is no new one: it takes that version's place
    in the test, and if that has ended, or if it is the champion itself, there is nothing to test.

    Args:
        labelled: every as_of whose labels have matured on the run's clock.
    """
    if champion is None:
        return (ContestPair(challenger, None, as_ofs=challenger.holdout_as_ofs),)
    _settle_contests(session, model, run, champion)
    refit = _find_refit(session, run, champion)
    twin = ledger.find_twin(session, challenger)
    newcomers = () if twin.version == champion.version else (_enter(session, model, run, twin, champion),)
    shadows = tuple(
        _plan(model, ContestPair(ledger.get_version(session, run.model, contest.challenger_version), champion, contest=contest))
        for contest in ledger.open_contests(session, run.model)
        if contest.side == "superiority" and contest.challenger_version != twin.version
    )
    renewals = _enter_renewal(session, model, run, ContestPair(refit, champion, "renewal"), labelled) if refit else ()
    entered = (*(replace(pair, refit=refit) for pair in newcomers), *shadows, *renewals)
    waiting = (pair for pair in entered if pair.contest is None or pair.contest.status == "open")
    placed = (replace(pair, as_ofs=choose_as_ofs(model, pair, labelled)) for pair in waiting)
    return tuple(pair for pair in placed if _is_ahead(pair, labelled))


def choose_as_ofs(model: Model, pair: ContestPair, labelled: Days) -> Days:
    """The as_ofs that neither has seen, up to the last look; those of the looks before stay what they were.

    Worked example: looked at on 09-04 to 09-25, with 09-18 missing for a broken snapshot. Repaired later, 09-18 stays out,
    for it was not known then; 10-02 comes next.
    """
    assert pair.champion is not None
    trained_on = (*pair.challenger.training_as_ofs, *pair.champion.training_as_ofs)
    unseen = unseen_as_ofs(labelled, trained_on, embargo=model.embargo)
    before = pair.looked_at
    later = tuple(day for day in unseen if not before or day > before[-1])
    return (*before, *later)[: pair.test.final if pair.test else None]


def _is_ahead(pair: ContestPair, labelled: Days) -> bool:
    """Does this run's clock see all that was looked at? A rerun of an older day assesses nobody anew."""
    return not pair.looked_at or pair.looked_at[-1] <= max(labelled, default=date.min)


def _settle_contests(session: Session, model: Model, run: Run, champion: Version) -> None:
    """End the contests that something else than a look has decided: a new champion, or a person who said no.

    Contests against a former champion start again against the new one. After a rollback they do not: a pair that met before
    is not tested twice, and the next weeks bring new challengers.
    """
    served = {promotion.version for promotion in ledger.champion_history(session, run.model)}
    for contest in ledger.open_contests(session, run.model):
        number = contest.challenger_version
        if number in served:
            ledger.end_contest(session, contest, "promoted", f"Version {number} became champion.")
        elif ledger.is_refused(session, contest):
            ledger.end_contest(session, contest, "rejected", f"A person was asked, and version {number} was not approved.")
        elif contest.champion_version != champion.version:
            _start_again(session, model, run, contest, champion)


def _start_again(session: Session, model: Model, run: Run, contest: Contest, champion: Version) -> None:
    sentence = f"Version {champion.version} became champion."
    if contest.side == "superiority":
        challenger = ledger.get_version(session, run.model, contest.challenger_version)
        entered = _enter(session, model, run, challenger, champion).contest
        sentence += " It starts again against it." if entered else " The account of errors is empty: it does not start again."
    ledger.end_contest(session, contest, "ended", sentence)


def _find_refit(session: Session, run: Run, champion: Version) -> Version | None:
    """The champion's recipe on the day's rows; None when another was champion at the training."""
    made = ledger.trained_on_day(session, run.model, run.as_of, origin="renewal")
    if made is None or made.recipe_hash != champion.recipe_hash:
        return None
    return ledger.find_twin(session, made)


def _enter(session: Session, model: Model, run: Run, challenger: Version, champion: Version) -> ContestPair:
    """Test a challenger against the champion; a pair that met before has one contest, open or ended."""
    versions = (challenger.version, champion.version)
    contest = ledger.find_contest(session, run.model, versions, side="superiority")
    pair = ContestPair(challenger, champion)
    if contest is not None:
        return _plan(model, replace(pair, contest=contest))
    return _draw(session, model, run, pair)


def _draw(session: Session, model: Model, run: Run, pair: ContestPair) -> ContestPair:
    """Open a contest if the account covers its alpha; else the pair says when it will."""
    assert pair.champion is not None
    alpha, budget = account.size_draw(model, pair.side)
    since = run.clock - account.YEAR
    drawn = [(draw.alpha, draw.effective_at) for draw in ledger.draws(session, run.model, pair.side, since=since)]
    if not account.is_covered(alpha, budget, drawn, run.clock):
        refill = account.find_refill(alpha, budget, drawn, run.clock)
        return replace(pair, account_frees_on=refill.astimezone(model.zone).date() if refill else None)
    versions = (pair.challenger.version, pair.champion.version)
    first = model.training.holdout_as_ofs
    last_look = first if pair.side == "renewal" else first + model.promotion.shadow_looks - 1
    overlap = -(-model.label.horizon_days // WEEK)
    terms = ledger.Terms(pair.side, alpha, last_look, overlap)
    return _plan(model, replace(pair, contest=ledger.open_contest(session, run, versions, terms)))


def _plan(model: Model, pair: ContestPair) -> ContestPair:
    """What was fixed when the contest was opened; a model file that changes meanwhile changes no test that runs."""
    assert pair.contest is not None
    terms = pair.contest
    return replace(pair, test=TestPlan(terms.alpha, terms.last_look, terms.overlap, model.training.seed))


def _enter_renewal(session: Session, model: Model, run: Run, pair: ContestPair, labelled: Days) -> tuple[ContestPair, ...]:
    """The refit of an old champion, once there are as_ofs for its only look: a try that cannot be looked at costs nothing."""
    champion = pair.champion
    assert champion is not None
    too_young = (run.as_of - champion.trained_for).days < model.promotion.max_age_days
    if too_young or len(choose_as_ofs(model, pair, labelled)) < model.training.holdout_as_ofs:
        return ()
    pair = replace(pair, anchor=find_anchor(session, run, champion))
    contest = ledger.find_contest(session, run.model, (pair.challenger.version, champion.version), side="renewal")
    if contest is not None:
        return (_plan(model, replace(pair, contest=contest)),)
    return (_draw(session, model, run, pair),)


def find_anchor(session: Session, run: Run, champion: Version) -> Version | None:
    """The newest version that entered by being better, or by a person's hand, and was not taken back since."""
    history = ledger.champion_history(session, run.model)
    line = set(list_champions(history))
    entered = (move.version for move in reversed(history) if move.kind in SUPERIOR and move.version in line)
    number = next(entered, champion.version)
    return None if number == champion.version else ledger.get_version(session, run.model, number)


@dataclass(frozen=True)
class LostChallenger:
    """A challenger that cannot be assessed any more, and why: its files or its rows are gone."""

    because: str


def close_contests(
    session: Session, model: Model, run: Run, assessed: Sequence[tuple[ContestPair, Verdict | LostChallenger]]
) -> None:
    """Record every verdict and look, and close the contests that they end; of the open ones the best stay as shadows.

    What an earlier attempt has recorded stands: the timings of another are other timings.
    """
    for pair, found in assessed:
        if isinstance(found, LostChallenger) and pair.contest is not None:
            ledger.end_contest(session, pair.contest, "ended", found.because)
    verdicts = [(pair, found) for pair, found in assessed if isinstance(found, Verdict)]
    kept = _keep_shadows(model, verdicts)
    for pair, verdict in verdicts:
        if not _is_recorded(session, run, verdict):
            is_kept = pair.contest is not None and pair.contest.contest_id in kept
            ledger.record_evaluation(session, run, _close_contest(session, run, pair, verdict, is_kept=is_kept))


def _is_recorded(session: Session, run: Run, verdict: Verdict) -> bool:
    """Was this pair assessed on these rows before, for this day?"""
    former = ledger.latest_evaluation(session, run.model, verdict.challenger_version)
    return former is not None and (former.verdict.as_of, former.verdict.champion_version, former.verdict.holdout_as_ofs) == (
        verdict.as_of,
        verdict.champion_version,
        verdict.holdout_as_ofs,
    )


def _close_contest(session: Session, run: Run, pair: ContestPair, verdict: Verdict, *, is_kept: bool) -> Verdict:
    if pair.contest is None:
        return verdict
    if verdict.looks:
        ledger.record_look(session, run, pair.contest.contest_id, verdict.looks[-1])
    status = _find_status(pair, verdict, is_kept=is_kept)
    if status == "displaced":
        verdict = replace(verdict, compared_again_on=None, reasons=(DISPLACED, *verdict.reasons))
    if status != "open":
        ledger.end_contest(session, pair.contest, status, verdict.reasons[0])
    return verdict


def _find_status(pair: ContestPair, verdict: Verdict, *, is_kept: bool) -> str:
    """What becomes of a contest; one that may be promoted stays open until the champion changes."""
    if verdict.outcome is Outcome.REJECT:
        return "rejected"
    if verdict.outcome is Outcome.PROMOTE:
        return "open"
    assert pair.test is not None
    if pair.side == "renewal" or len(verdict.holdout_as_ofs) >= pair.test.final:
        return "exhausted"
    return "open" if is_kept else "displaced"


def _keep_shadows(model: Model, assessed: Sequence[tuple[ContestPair, Verdict]]) -> frozenset[int]:
    """Contests that stay open, by number."""
    undecided = [
        replace(pair.contest, looks=verdict.looks)
        for pair, verdict in assessed
        if pair.contest is not None and pair.side == "superiority" and verdict.outcome is Outcome.INCONCLUSIVE
    ]
    return frozenset(contest.contest_id for contest in choose_shadows(undecided, model.promotion.shadow_max))
