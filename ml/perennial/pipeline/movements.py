"""Who becomes champion: the best of the day's verdicts, a person where one is asked for, and the way back."""

from __future__ import annotations

from collections.abc import Callable

from perennial import notices
from perennial import promote as protocol
from perennial.errors import NotPromoted, PromotionRefused
from perennial.pipeline import approving
from perennial.pipeline.carding import card_address
from perennial.pipeline.champion import open_promotion
from perennial.pipeline.opening import Stores, recorded
from perennial.pipeline.refitting import promote_newest_fit
from perennial.records import ApprovalQuestion, Evaluation, Move, Promotion, Run
from perennial.stores import ledger


@recorded
def promote(stores: Stores, run: Run) -> Promotion | ApprovalQuestion:
    """Make the best challenger of the day champion when its verdict allows it, or ask a person; the owner is told either way.

    Raises:
        NotPromoted: no verdict of the day is PROMOTE.
        PromotionRefused: one is, and something else stands in the way.
    """
    model = stores.declaration(run.model).model
    with stores.warehouse.transaction() as session:
        evaluations = ledger.evaluations_of_day(session, run)
        history = ledger.champion_history(session, run.model)
    if not evaluations:
        raise PromotionRefused(f"{run}: no challenger of this day has a verdict: run train and compare first.")
    serving = history[-1].recipe if history else None
    current = tuple(e for e in evaluations if serving in (e.verdict.champion_recipe, e.verdict.challenger_recipe))
    evaluation = protocol.choose_evaluation(current or evaluations)  # the champion may have changed since the comparison
    because = protocol.list_reasons_to_ask(evaluation, model.promotion.approval)
    try:
        if not protocol.is_served(history, evaluation) and protocol.must_ask(evaluation, model.promotion.approval):
            return approving.ask(stores, run, evaluation, because)
        promotion = promote_newest_fit(stores, run, evaluation, approval=model.promotion.approval)
    except (NotPromoted, PromotionRefused) as refusal:
        _post_verdict(stores, run, evaluations, evaluation, refused_because=str(refusal))
        raise
    _post_verdict(stores, run, evaluations, evaluation, refused_because=None)
    return promotion


def _post_verdict(
    stores: Stores, run: Run, evaluations: tuple[Evaluation, ...], chosen: Evaluation, *, refused_because: str | None
) -> None:
    if run.purpose == "backfill":
        return
    others = tuple(evaluation.verdict for evaluation in evaluations if evaluation != chosen)
    with stores.warehouse.transaction() as session:
        challenger = ledger.get_version(session, run.model, chosen.verdict.challenger_version)
    address = stores.registry.run_url(challenger.mlflow_run_id)
    card = card_address(stores, run.model, challenger.version)
    notice = notices.write_verdict(chosen.verdict, others, mlflow_run=address, model_card=card, refused_because=refused_because)
    with stores.warehouse.transaction() as session:
        ledger.put_notice(session, run, notice, stores.declaration(run.model).model.owner)


@recorded
def rollback(stores: Stores, run: Run, *, to: int | None = None, recipe: bool = False) -> Promotion:
    """Put a former champion back; the next scoring uses it, and no refresh serves until `unpin`.

    Args:
        to: its version; without it the newest earlier fit.
        recipe: go back to the newest fit of the recipe that served before this one.

    Raises:
        NothingToRollBackTo: there is no former champion, or `to` is the champion already.
    """
    if recipe:
        promotion = protocol.roll_back(open_promotion(stores, run), run.model, choose=_choose_former_recipe(stores, run))
    else:
        promotion = protocol.roll_back(open_promotion(stores, run), run.model, to=to)
    return promotion


def _choose_former_recipe(stores: Stores, run: Run) -> Callable[[protocol.History], Move]:
    def choose(history: protocol.History) -> Move:
        recipes = {move.recipe for move in history if move.recipe is not None}
        with stores.warehouse.transaction() as session:
            fits = {number: ledger.newest_fit(session, run.model, number, until=run.as_of) for number in recipes}
        newest = {number: fit.version for number, fit in fits.items() if fit is not None}
        return protocol.choose_former_recipe(history, run.model, newest)

    return choose
