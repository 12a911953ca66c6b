"""May the champion's own recipe, refitted on newer rows, take its place because it is not worse?

Without this the champion becomes a fossil: a year-old model loses less than the floor, so that no challenger ever gains
enough. "Not worse" is shown, not assumed: the lower bound lies above minus the margin, in AUC against the champion and
against the last version that entered by being better (else many small losses add up), and in log-loss. One look, with
an error account of its own.
"""

from __future__ import annotations

from perennial.compare.assessment import Assessment
from perennial.compare.contest import ComparisonInput, Contestant
from perennial.compare.superiority import look_or_refuse
from perennial.metrics import paired_auc_by_day, paired_loss_difference
from perennial.records import Look, Outcome


def assess_renewal(contest: ComparisonInput) -> Assessment:
    """One look at the refitted recipe."""
    assert contest.champion is not None
    looks = look_or_refuse(contest)
    return looks if isinstance(looks, Assessment) else _assess_look(contest, contest.champion, looks)


def _assess_look(contest: ComparisonInput, champion: Contestant, looks: tuple[Look, ...]) -> Assessment:
    look, margin = looks[-1], contest.model.promotion.renewal_margin
    said = f"The champion's own recipe on newer rows differs by {look.estimate:+.4f} AUC"
    if look.estimate + look.boundary * look.standard_error < -margin:
        return Assessment(Outcome.REJECT, (f"{said}: it is worse by more than the margin of {margin:.4f}.",), looks=looks)
    if not look.lower > -margin:
        sentence = f"{said}, at worst {look.lower:+.4f}: that it is not worse than -{margin:.4f} is not shown."
        return Assessment(Outcome.INCONCLUSIVE, (sentence,), looks=looks)
    objections = (*_object_to_losses(contest, champion, look), *_object_to_ratchet(contest, look))
    if objections:
        return Assessment(Outcome.INCONCLUSIVE, objections, looks=looks)
    sentence = f"{said}, at worst {look.lower:+.4f}: it is not worse than the margin of -{margin:.4f} and may renew the champion."
    return Assessment(Outcome.PROMOTE, (sentence,), looks=looks)


def _object_to_losses(contest: ComparisonInput, champion: Contestant, look: Look) -> tuple[str, ...]:
    borne = contest.model.promotion.tolerated.log_loss
    loss = paired_loss_difference(contest.challenger.scores, champion.scores, contest.labels)
    worst = loss.estimate + look.boundary * loss.standard_error
    if worst < borne:
        return ()
    return (f"Its log-loss changes by {loss.estimate:+.4f}, at worst {worst:+.4f}: {borne:.4f} is borne.",)


def _object_to_ratchet(contest: ComparisonInput, look: Look) -> tuple[str, ...]:
    if contest.anchor is None:
        return ()
    margin = contest.model.promotion.renewal_margin
    daily = paired_auc_by_day(contest.challenger.scores, contest.anchor.scores, contest.labels)
    worst = daily.estimate - look.boundary * daily.standard_error
    if worst > -margin:
        return ()
    who = f"Against version {contest.anchor.version}, the last to enter by being better,"
    return (f"{who} it differs by {daily.estimate:+.4f} AUC, at worst {worst:+.4f}: renewals may not add up to {margin:.4f}.",)
