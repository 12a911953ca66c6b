"""Who is under test against whom, on what error; and what becomes of a contest after a look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from ml.compare import TestPlan, account, choose_shadows
from ml.config import Model
from ml.records import Contest, Outcome, Run, Side, Verdict, Version
from ml.stores import ledger
from ml.stores.sessions import Session

WEEK = 7
DISPLACED = "It leaves the test undecided: others under test promise more, and only so many are kept."


@dataclass(frozen=True)
class Pair:
    """A challenger and the champion it is compared with.

    Attributes:
        contest: None without a champion, and when the account of errors is empty.
        refit: the champion's recipe on the challenger's rows, for the day's challenger.
        anchor: of a renewal: the last version that entered by being better, where that is not the champion.
    """

    challenger: Version
    champion: Version | None
    side: Side = "superiority"
    contest: Contest | None = None
    test: TestPlan | None = None
    account_frees_on: date | None = None
    refit: Version | None = None
    anchor: Version | None = None


def enter_pairs(session: Session, model: Model, run: Run, *, challenger: Version, champion: Version | None) -> tuple[Pair, ...]:
    """The day's challenger, every shadow, and a renewal when the champion is old enough; less those that have their answer.

    A challenger made of the same rows by the same recipe as an older version is no new one: it takes that version's place
    in the test, and if that has ended, or if it is the champion itself, there is nothing to test.
    """
    if champion is None:
        return (Pair(challenger, None),)
    _settle_contests(session, model, run, champion)
    refit = ledger.trained_on_day(session, run.model, run.as_of, origin="renewal")
    twin = ledger.find_twin(session, challenger)
    newcomers = () if twin.version == champion.version else (_enter(session, model, run, twin, champion),)
    shadows = tuple(
        _plan(model, Pair(ledger.get_version(session, run.model, contest.challenger_version), champion, contest=contest))
        for contest in ledger.open_contests(session, run.model)
        if contest.side == "superiority" and contest.challenger_version != twin.version
    )
    renewals = _enter_renewal(session, model, run, refit, champion)
    entered = (*(replace(pair, refit=refit) for pair in newcomers), *shadows, *renewals)
    return tuple(pair for pair in entered if pair.contest is None or pair.contest.status == "open")


def _settle_contests(session: Session, model: Model, run: Run, champion: Version) -> None:
    """The champion changed since the last comparison: contests against the former one end, and start again against this."""
    for contest in ledger.open_contests(session, run.model):
        if contest.challenger_version == champion.version:
            ledger.end_contest(session, contest, "promoted", f"Version {champion.version} is the champion.")
        elif contest.champion_version != champion.version:
            ledger.end_contest(session, contest, "ended", f"Version {champion.version} became champion.")
            if contest.side == "superiority":
                _enter(session, model, run, ledger.get_version(session, run.model, contest.challenger_version), champion)


def _enter(session: Session, model: Model, run: Run, challenger: Version, champion: Version) -> Pair:
    """Test a challenger against the champion; a pair that met before goes on where it stands."""
    versions = (challenger.version, champion.version)
    contest = ledger.find_contest(session, run.model, versions, side="superiority")
    pair = Pair(challenger, champion)
    if contest is not None:
        return _plan(model, replace(pair, contest=contest))
    return _draw(session, model, run, pair)


def _draw(session: Session, model: Model, run: Run, pair: Pair) -> Pair:
    """Open a contest if the account covers its alpha; else the pair says when it will."""
    assert pair.champion is not None
    alpha, budget = account.size_draw(model, pair.side)
    drawn = [
        (draw.alpha, draw.effective_at)
        for draw in ledger.draws(session, run.model, pair.side, since=run.clock - account.YEAR, until=run.clock)
    ]
    if not account.is_covered(alpha, budget, drawn, run.clock):
        refill = account.find_refill(alpha, budget, drawn, run.clock)
        return replace(pair, account_frees_on=refill.astimezone(model.zone).date() if refill else None)
    versions = (pair.challenger.version, pair.champion.version)
    contest = ledger.open_contest(session, run, versions, side=pair.side, alpha=alpha)
    return _plan(model, replace(pair, contest=contest))


def _plan(model: Model, pair: Pair) -> Pair:
    """What was fixed before the first look follows from the contest's alpha and the model's file."""
    assert pair.contest is not None
    first = model.training.holdout_as_ofs
    final = first if pair.side == "renewal" else first + model.promotion.shadow_looks - 1
    overlap = -(-model.label.horizon_days // WEEK)
    return replace(pair, test=TestPlan(pair.contest.alpha, final, overlap, model.training.seed))


def _enter_renewal(session: Session, model: Model, run: Run, refit: Version | None, champion: Version) -> tuple[Pair, ...]:
    if refit is None or (run.as_of - champion.trained_for).days < model.promotion.max_age_days:
        return ()
    pair = Pair(refit, champion, "renewal", anchor=_find_anchor(session, run, champion))
    contest = ledger.find_contest(session, run.model, (refit.version, champion.version), side="renewal")
    if contest is not None:
        return (_plan(model, replace(pair, contest=contest)),)
    return (_draw(session, model, run, pair),)


def _find_anchor(session: Session, run: Run, champion: Version) -> Version | None:
    number = ledger.last_superior(session, run.model)
    return None if number in (None, champion.version) else ledger.get_version(session, run.model, number)


def close_contests(session: Session, model: Model, run: Run, judged: Sequence[tuple[Pair, Verdict]]) -> None:
    """Record every verdict and look, and close the contests that they end; of the open ones the best stay as shadows.

    What an earlier attempt has recorded stands: the timings of another are other timings.
    """
    kept = _keep_shadows(model, judged)
    for pair, verdict in judged:
        if not _is_recorded(session, run, verdict):
            is_kept = pair.contest is not None and pair.contest.contest_id in kept
            ledger.record_evaluation(session, run, _close_contest(session, run, pair, verdict, is_kept=is_kept))


def _is_recorded(session: Session, run: Run, verdict: Verdict) -> bool:
    """Was this pair judged on these rows before, for this day?"""
    former = ledger.latest_evaluation(session, run.model, verdict.challenger_version)
    return former is not None and (former.verdict.as_of, former.verdict.champion_version, former.verdict.holdout_as_ofs) == (
        verdict.as_of,
        verdict.champion_version,
        verdict.holdout_as_ofs,
    )


def _close_contest(session: Session, run: Run, pair: Pair, verdict: Verdict, *, is_kept: bool) -> Verdict:
    if pair.contest is None:
        return verdict
    if verdict.looks:
        ledger.record_look(session, run, pair.contest.contest_id, verdict.looks[-1])
    status = _find_status(pair, verdict, is_kept=is_kept)
    if status == "displaced":
        verdict = replace(verdict, judged_again_on=None, reasons=(DISPLACED, *verdict.reasons))
    if status != "open":
        ledger.end_contest(session, pair.contest, status, verdict.reasons[0])
    return verdict


def _find_status(pair: Pair, verdict: Verdict, *, is_kept: bool) -> str:
    """What becomes of a contest; one that may be promoted stays open until the champion changes."""
    if verdict.outcome is Outcome.REJECT:
        return "rejected"
    if verdict.outcome is Outcome.PROMOTE:
        return "open"
    assert pair.test is not None
    if pair.side == "renewal" or len(verdict.holdout_as_ofs) >= pair.test.final:
        return "exhausted"
    return "open" if is_kept else "displaced"


def _keep_shadows(model: Model, judged: Sequence[tuple[Pair, Verdict]]) -> frozenset[int]:
    """Contests that stay open, by number."""
    undecided = [
        replace(pair.contest, looks=verdict.looks)
        for pair, verdict in judged
        if pair.contest is not None and pair.side == "superiority" and verdict.outcome is Outcome.INCONCLUSIVE
    ]
    return frozenset(contest.contest_id for contest in choose_shadows(undecided, model.promotion.shadow_max))
