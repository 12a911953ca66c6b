"""Who becomes champion: the best of the day's verdicts, a person where one is asked for, and the way back."""

from __future__ import annotations

from perennial import notices
from perennial import promote as protocol
from perennial.errors import NotPromoted, PromotionRefused
from perennial.pipeline import approving
from perennial.pipeline.carding import card_address, write_cards
from perennial.pipeline.champion import open_promotion
from perennial.pipeline.opening import Stores, recorded
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
        champion = ledger.champion(session, run.model)
    if not evaluations:
        raise PromotionRefused(f"{run}: no challenger of this day has a verdict: run train and compare first.")
    current = tuple(e for e in evaluations if champion in (e.verdict.champion_version, e.verdict.challenger_version))
    evaluation = protocol.choose_evaluation(current or evaluations)  # the champion may have changed since the comparison
    is_done = evaluation.verdict.challenger_version == champion
    because = protocol.list_reasons_to_ask(evaluation, model.promotion.approval)

    def choose(history: protocol.History) -> Move | None:
        return protocol.choose_challenger(history, evaluation, run, approval=model.promotion.approval)

    try:
        if not is_done and protocol.must_ask(evaluation, model.promotion.approval):
            return approving.ask(stores, run, evaluation, because)
        promotion = protocol.promote(open_promotion(stores, run), choose)
    except (NotPromoted, PromotionRefused) as refusal:
        _post_verdict(stores, run, evaluations, evaluation, refused_because=str(refusal))
        raise
    _post_verdict(stores, run, evaluations, evaluation, refused_because=None)
    write_cards(stores, run, (promotion.version, promotion.previous_version))
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
def rollback(stores: Stores, run: Run, *, to: int | None = None) -> Promotion:
    """Put a former champion back; the next scoring uses it.

    Raises:
        NothingToRollBackTo: there is no former champion, or `to` is the champion already.
    """
    promotion = protocol.roll_back(open_promotion(stores, run), run.model, to=to)
    write_cards(stores, run, (promotion.version, promotion.previous_version))
    return promotion
