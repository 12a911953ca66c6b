"""Evidence in, a card out."""

from __future__ import annotations

from perennial.card.about import write_data, write_purpose
from perennial.card.document import ModelCard, Tile
from perennial.card.evidence import CardEvidence
from perennial.card.fit import write_fit
from perennial.card.gate import write_gate
from perennial.card.inputs import write_features
from perennial.card.limits import write_limits
from perennial.card.lineage import write_history, write_lineage, write_making
from perennial.card.quality import write_calibration, write_quality, write_segments
from perennial.card.recipe import write_recipe
from perennial.card.standing import ENOUGH_AS_OFS, Standing, find_standing
from perennial.card.words import count, write_days, write_ends, write_interval
from perennial.config import write_figure
from perennial.records import Interval


def write_model_card(evidence: CardEvidence) -> ModelCard:
    """The card of one version as everything stands; the same evidence gives the same card."""
    standing, version = find_standing(evidence), evidence.version
    return ModelCard(
        model=version.model,
        version=version.version,
        description=evidence.model.description,
        role=standing.role,
        status=standing.status,
        matured=min(standing.matured, ENOUGH_AS_OFS),
        needed=ENOUGH_AS_OFS,
        headline=write_headline(evidence, standing),
        known_on=evidence.known_on,
        tiles=_choose_tiles(evidence, standing),
        sections=(
            write_purpose(evidence),
            write_recipe(evidence, standing),
            write_fit(evidence, standing),
            write_data(evidence),
            write_quality(evidence, standing),
            write_calibration(evidence),
            write_segments(evidence),
            write_features(evidence),
            write_gate(evidence),
            write_limits(evidence),
            write_making(evidence),
            write_lineage(evidence),
            write_history(evidence),
        ),
        links=evidence.links,
    )


def write_headline(evidence: CardEvidence, standing: Standing) -> str:
    """Where the fit and its recipe stand and how much the figures can bear, in words."""
    if standing.since is None:
        return f"{_say_candidacy(evidence)} All its figures are of unseen rows; it has not served a day."
    reign = (
        f"is champion since {standing.since}"
        if standing.until is None
        else f"was champion from {standing.since} to {standing.until}"
    )
    said = f"{_say_service(evidence, standing)} The recipe {reign}."
    if standing.status == "final":
        return f"{said} Its figures are final: {_say_kept(evidence)}"
    have = "has" if standing.matured == 1 else "have"
    progress = f"{standing.matured} of {ENOUGH_AS_OFS} as_ofs after its promotion {have} matured"
    until = f", the fourth on {standing.final_on} at the earliest" if standing.final_on else ""
    return f"{said} Its figures are provisional: {progress}{until}. What a winner was chosen by flatters."


def _say_candidacy(evidence: CardEvidence) -> str:
    recipe = f"Recipe {evidence.recipe.number}"
    if evidence.verdict is None:
        return f"{recipe} was registered and not compared yet."
    newest = evidence.verdict.verdict
    return f"{recipe} was never champion; its newest verdict, of {newest.as_of}, is {newest.outcome}."


def _say_service(evidence: CardEvidence, standing: Standing) -> str:
    fit = f"This fit of recipe {evidence.recipe.number}"
    if standing.serves_from is None:
        return {
            "held fit": f"{fit} is held back and has not served.",
            "warm fit": f"{fit} keeps it warm and has not served.",
        }.get(standing.role, f"{fit} has not served.")
    if standing.serves_until is None:
        return f"{fit} serves since {standing.serves_from}."
    now = f"; version {evidence.promotions[-1].version} serves now" if standing.role == "earlier fit" else ""
    return f"{fit} served from {standing.serves_from} to {standing.serves_until}{now}."


def _say_kept(evidence: CardEvidence) -> str:
    kept, promised = evidence.first_served, evidence.promise.figure(evidence.metric)
    assert kept is not None
    return (
        f"on {write_days(kept.as_ofs)} after its promotion its {evidence.title} was "
        f"{write_interval(kept.headline, 'not defined', evidence.metric)}, and the unseen rows of version "
        f"{evidence.promised_by} had promised {write_interval(promised, 'none', evidence.metric)}."
    )


def _choose_tiles(evidence: CardEvidence, standing: Standing) -> tuple[Tile, ...]:
    version, distance = evidence.version, evidence.version.distance
    tiles = [
        *_show_recipe(evidence, standing),
        Tile("Knowledge lag", f"{version.knowledge_lag_days} days", f"trained to {max(version.training_as_ofs)}"),
        Tile("Trained on", count(evidence.measured.training_rows, "row"), count(len(version.training_as_ofs), "as_of")),
    ]
    if distance:
        remark = f"rank correlation with version {distance.version}"
        tiles.append(Tile("Distance to the fit before", f"{distance.rank_correlation:.3f}", remark))
    if evidence.verdict:
        tiles.append(
            Tile(
                "Newest verdict",
                evidence.verdict.verdict.outcome.value,
                f"on recipe {evidence.recipe.number}, {evidence.verdict.verdict.as_of}",
            )
        )
    return tuple(tiles)


def _show_recipe(evidence: CardEvidence, standing: Standing) -> tuple[Tile, ...]:
    """Promised and kept."""
    kept, promised = evidence.first_served, evidence.promise.figure(evidence.metric)
    metric = evidence.metric
    if standing.since is None:
        return (Tile(f"{evidence.title} on unseen rows", _short(promised, metric), f"{_ends(promised, metric)}assessed by it"),)
    matured = f"{min(standing.matured, ENOUGH_AS_OFS)} of {ENOUGH_AS_OFS} as_ofs matured"
    return (
        Tile(f"{evidence.title} of its recipe", _short(kept.headline if kept else None, metric), matured),
        Tile(
            f"{evidence.title} on unseen rows",
            _short(promised, metric),
            f"{_ends(promised, metric)}of version {evidence.promised_by}: flatters",
        ),
    )


def _short(value: Interval | None, metric: str) -> str:
    return "none yet" if value is None else write_figure(metric, value.estimate)


def _ends(value: Interval | None, metric: str) -> str:
    return "" if value is None else f"{write_ends(value, metric)}, "
