"""Evidence in, a card out."""

from __future__ import annotations

from perennial.card.about import write_data, write_purpose
from perennial.card.document import ModelCard, Tile
from perennial.card.evidence import CardEvidence
from perennial.card.gate import write_gate
from perennial.card.inputs import write_features
from perennial.card.limits import write_limits
from perennial.card.lineage import write_history, write_lineage, write_making
from perennial.card.quality import write_calibration, write_quality, write_segments
from perennial.card.standing import ENOUGH_AS_OFS, Standing, find_standing
from perennial.card.words import count, write_days, write_interval
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
    """Where it stands and how much its figures can bear, in words."""
    if standing.since is None:
        return f"{_say_candidacy(evidence)} All its figures are of the holdout; it has not served a day."
    reign = (
        f"Champion since {standing.since}" if standing.until is None else f"Champion from {standing.since} to {standing.until}"
    )
    if standing.status == "final":
        return f"{reign}. Its figures are final: {_say_kept(evidence)}"
    have = "has" if standing.matured == 1 else "have"
    progress = f"{standing.matured} of {ENOUGH_AS_OFS} as_ofs after the promotion {have} matured"
    until = f", the fourth on {standing.final_on} at the earliest" if standing.final_on else ""
    return f"{reign}. Its figures are provisional: {progress}{until}. A winner's own holdout flatters."


def _say_candidacy(evidence: CardEvidence) -> str:
    if evidence.verdict is None:
        return "It was registered and not compared yet."
    return f"Never champion; its newest verdict, of {evidence.verdict.verdict.as_of}, is {evidence.verdict.verdict.outcome}."


def _say_kept(evidence: CardEvidence) -> str:
    kept, promised = evidence.first_served, evidence.measured.figure("auc")
    assert kept is not None
    return (
        f"on {write_days(kept.as_ofs)} after the promotion its AUC was {write_interval(kept.auc, 'not defined')}, "
        f"and its holdout had promised {write_interval(promised, 'none')}."
    )


def _choose_tiles(evidence: CardEvidence, standing: Standing) -> tuple[Tile, ...]:
    kept, promised = evidence.first_served, evidence.measured.figure("auc")
    matured = f"{min(standing.matured, ENOUGH_AS_OFS)} of {ENOUGH_AS_OFS} as_ofs matured"
    tiles = [] if standing.since is None else [Tile("AUC since the promotion", _short(kept.auc if kept else None), matured)]
    flatters = "chosen by it: flatters" if standing.since else "assessed by it"
    tiles.append(Tile("AUC on the holdout", _short(promised), f"{_ends(promised)}{flatters}"))
    tiles.append(
        Tile(
            "Knowledge lag",
            f"{evidence.version.knowledge_lag_days} days",
            f"trained to {max(evidence.version.training_as_ofs)}",
        )
    )
    tiles.append(
        Tile("Trained on", count(evidence.measured.training_rows, "row"), count(len(evidence.version.training_as_ofs), "as_of"))
    )
    if evidence.verdict:
        tiles.append(Tile("Newest verdict", evidence.verdict.verdict.outcome.value, str(evidence.verdict.verdict.as_of)))
    return tuple(tiles)


def _short(value: Interval | None) -> str:
    return "none yet" if value is None else f"{value.estimate:.3f}"


def _ends(value: Interval | None) -> str:
    return "" if value is None else f"[{value.low:.3f}, {value.high:.3f}], "
