"""The model card of a version, written again whenever an event says more of it: `delivering` does so."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pandas as pd
from pydantic import TypeAdapter, ValidationError

from perennial import card as cards
from perennial.card import CardEvidence, Measured, ModelCard, Served
from perennial.config import Declaration
from perennial.errors import NoChampionYet
from perennial.pipeline.champion import load_version, refuse_purged, score_set
from perennial.pipeline.opening import Stores
from perennial.pipeline.promised import score_holdout
from perennial.pipeline.waiting import explain_absence
from perennial.pipeline.walking import Walk
from perennial.records import Run, Version, dump_json
from perennial.records.cards import LoggedTraining, ServedDay
from perennial.stores import ledger, warehouse
from perennial.stores.ledger import cards as facts
from perennial.stores.ledger import purges
from perennial.stores.sessions import Session, take_lock

MEASURED = "measured.json"
PICTURES = ("calibration", "learning_curve", "folds")
SHOWN_CHECKS = 12


def write_card(stores: Stores, run: Run, version: int | None = None) -> ModelCard:
    """Write the card of a version (the champion's by default) and keep it in MLflow; writing it twice changes nothing.

    It is a view: nothing is decided by it, it can be written again at any time, and all that it says stands elsewhere.

    Raises:
        NoChampionYet: no version is named, and there is no champion.
        VersionMissing: the ledger does not know the version, or its files were purged, and its card with them.
        RegistryUnavailable: MLflow does not answer.
    """
    with stores.warehouse.transaction() as session:
        known = _find_version(session, run, version)
        refuse_purged(session, known)
        entrant = _find_entrant(session, known)
    measured, logged = _find_measured(stores, known), _read_training(stores, known)
    promised = _find_measured(stores, entrant) if entrant else None
    with stores.warehouse.transaction() as session:
        take_lock(session, "card", known.model, known.version)  # of two writers the later one knows at least as much
        evidence = _gather(stores, session, known, measured=measured, logged=logged)
        promise = replace(evidence, promised=promised, promised_by=entrant.version if entrant else None)
        card = cards.write_model_card(promise)
        address = card_address(stores, known.model, known.version)
        stores.registry.log_card(known, _lay_out(card, measured), cards.describe_version(card, address))
    return card


def _find_version(session: Session, run: Run, version: int | None) -> Version:
    number = ledger.champion(session, run.model) if version is None else version
    if number is None:
        raise NoChampionYet(f"{run.model}: there is no champion yet, so name a version. {explain_absence(session, run)}")
    return ledger.get_version(session, run.model, number)


def _find_entrant(session: Session, version: Version) -> Version | None:
    """The fit by which the recipe of a version became champion, in its present or last reign."""
    reign = cards.find_reign(ledger.champion_history(session, version.model), version.recipe)
    return ledger.get_version(session, version.model, reign.entry.version) if reign else None


def card_address(stores: Stores, model: str, version: int) -> str:
    """The page in Airflow that shows the card."""
    return f"{stores.settings.airflow_pages}/perennial/cards/{model}/{version}"


def _lay_out(card: ModelCard, measured: Measured) -> dict[str, bytes]:
    """File name -> content: both layouts, the pictures that the Markdown shows, and what need not be measured again."""
    texts = {
        "model_card.md": cards.render_markdown(card),
        "model_card.html": cards.render_html(card),
        MEASURED: dump_json(measured),
    }
    return {**{name: text.encode() for name, text in texts.items()}, **card.pictures}


def _find_measured(stores: Stores, version: Version) -> Measured:
    """Figures on its own holdout: measured once, for snapshots and labels give the same bytes for ever."""
    kept = stores.registry.read_file(version.mlflow_run_id, f"card/{MEASURED}")
    if kept is not None:
        try:
            return TypeAdapter(Measured).validate_json(kept)
        except ValidationError:
            pass  # an older release measured something else: measure again
    return _measure(stores, stores.declaration(version.model), version)


def _measure(stores: Stores, declaration: Declaration, version: Version) -> Measured:
    with stores.warehouse.transaction() as session:
        # Day by day, and without whose they are: of a large training that would be most of what a card holds.
        days = version.training_as_ofs
        labels = [warehouse.read_labels(session, declaration.model, day).reset_index(drop=True) for day in days]
        holdout = warehouse.read_training_set(session, declaration, version.reference_as_ofs)
        entry = ledger.get_recipe(session, version.model, version.recipe)
    run = Run(version.model, version.trained_for, version.effective_at, "simulation")
    walk = Walk(stores, declaration, run, version.training_as_ofs)
    predictor = load_version(stores, version)
    scores = score_holdout(walk, entry, version, holdout) if version.holdout_as_ofs else score_set(predictor, holdout)
    rows = holdout.rows_of(tuple({stamp.date() for stamp in scores.index.get_level_values("as_of").unique()}))
    return cards.measure_version(declaration.model, predictor, pd.concat(labels, ignore_index=True), rows, scores)


def _read_training(stores: Stores, version: Version) -> LoggedTraining:
    registry, run_id = stores.registry, version.mlflow_run_id
    importances = registry.read_file(run_id, "importances.json")
    pictures = {name: registry.read_file(run_id, f"pictures/{name}.png") for name in PICTURES}
    return replace(
        registry.read_training(run_id),
        importances=json.loads(importances) if importances else {},
        pictures={name: png for name, png in pictures.items() if png is not None},
    )


def _gather(stores: Stores, session: Session, version: Version, *, measured: Measured, logged: LoggedTraining) -> CardEvidence:
    name, number, declaration = version.model, version.version, stores.declaration(version.model)
    evidence = CardEvidence(
        declaration=declaration,
        version=version,
        logged=logged,
        measured=measured,
        recipe=ledger.get_recipe(session, name, version.recipe),
        fits=facts.fits_of(session, name, number),
        published=facts.published_days(session, name, number),
        training=facts.built_days(session, name, version.training_as_ofs),
        holdout=facts.built_days(session, name, version.reference_as_ofs),
        verdicts=facts.verdicts_on(session, name, number),
        verdicts_against=facts.verdicts_against(session, name, number),
        contests=facts.contests_of(session, name, number),
        questions=facts.questions_about(session, name, number),
        promotions=ledger.champion_history(session, name),
        checks=facts.checks_of(session, name, number, limit=SHOWN_CHECKS),
        asked=ledger.find_decision(session, name, version.trained_for),
        rested=ledger.set_aside(session, name, version.rested),
    )
    return replace(_add_served(session, evidence), links=_find_links(stores, evidence))


def _add_served(session: Session, evidence: CardEvidence) -> CardEvidence:
    """What the recipe's fits published since it became champion and what came of it; nothing when it never did."""
    version = evidence.version
    reign = cards.find_reign(evidence.promotions, version.recipe)
    if reign is None:
        return evidence
    matured = facts.served_days(session, version.model, version.version)
    served = cards.choose_served(evidence.model, matured, evidence.local_day(reign.entry.effective_at))
    gone = purges.purged_days(session, version.model)
    standing, enough = [day for day in served if day.as_of not in gone], cards.ENOUGH_AS_OFS
    return replace(
        evidence,
        served=served,
        first_served=_pool(session, evidence, standing[:enough]),
        newest_served=_pool(session, evidence, standing[-enough:]) if len(standing) > enough else None,
    )


def _pool(session: Session, evidence: CardEvidence, days: Sequence[ServedDay]) -> Served | None:
    if not days:
        return None
    model = evidence.model
    scores = warehouse.read_published(session, evidence.declaration, [day.as_of for day in days])
    labels = _stack({day.as_of: warehouse.read_labels(session, model, day.as_of) for day in days})
    beside = {day.as_of: warehouse.read_beside(session, model, day.as_of) for day in days}
    known = {name: _stack({day: columns[name] for day, columns in beside.items()}) for name in model.label.beside}
    return cards.measure_served(model, scores, labels.reindex(scores.index), known)


def _stack(columns: dict[date, pd.Series]) -> pd.Series:
    """Days on top of each other, indexed by (as_of, entity_id)."""
    stacked: pd.Series = pd.concat({pd.Timestamp(day): column for day, column in columns.items()}, names=["as_of", "entity_id"])
    return stacked


def _find_links(stores: Stores, evidence: CardEvidence) -> tuple[tuple[str, str], ...]:
    version = evidence.version
    report = evidence.checks[0].report if evidence.checks else None
    return (
        ("MLflow run", stores.registry.run_url(version.mlflow_run_id)),
        ("Model in Airflow", f"{stores.settings.airflow_pages}/perennial/dags/{version.model}"),
        *((("Newest drift report", report),) if report else ()),
    )
