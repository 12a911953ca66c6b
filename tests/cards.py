"""Everything that a card can tell, about versions that never were: a challenger, a champion, and a later fit of its recipe."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd

from perennial.card import CardEvidence, measure_served
from perennial.card.measured import Figure, Input, Measured, SegmentFigure
from perennial.config import load_declaration
from perennial.metrics import reliability_bins
from perennial.records import (
    BlastRadius,
    Contest,
    DriftCheck,
    FeatureDrift,
    FitDistance,
    Guard,
    Interval,
    Look,
    MetricComparison,
    MoveKind,
    Outcome,
    Promotion,
    Recipe,
    RecipeEntry,
    SegmentComparison,
    Tuning,
    Verdict,
    Version,
)
from perennial.records.cards import Asked, BuiltDay, DatedVerdict, KnownFit, LoggedTraining, PublishedDay, ServedDay
from perennial.tasks import task_of
from tests.paths import ROOT

DECLARATION = load_declaration(ROOT, "lapse")
MODEL = DECLARATION.model
TRAINED_FOR = date(2017, 11, 1)
TRAINING = MODEL.training_as_ofs(date(2017, 5, 22), date(2017, 9, 25))
HOLDOUT = MODEL.training_as_ofs(date(2017, 9, 4), date(2017, 9, 25))
PROMOTED_ON = date(2017, 11, 1)


def at(day: date) -> datetime:
    """Noon in UTC: the same day in New York."""
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def interval(estimate: float, reach: float = 0.02) -> Interval:
    return Interval(estimate, estimate - reach, estimate + reach, reach / 1.96)


def draw_scores(days: tuple[date, ...], entities: int = 300, seed: int = 1) -> tuple[pd.Series, pd.Series]:
    """Calibrated scores with their labels, indexed by (as_of, entity_id)."""
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product([pd.to_datetime(list(days)), range(entities)], names=["as_of", "entity_id"])
    scores = pd.Series(rng.beta(0.6, 3.0, len(index)), index=index)
    return scores, pd.Series((rng.uniform(size=len(index)) < scores).astype("int64"), index=index)


RECIPE = RecipeEntry(
    model="lapse",
    number=3,
    recipe=Recipe("xgboost", {"max_depth": 4, "learning_rate": 0.03}, ("recency_days", "tenure_days", "favourite_store")),
    origin="search",
    chosen_on=date(2017, 8, 7),
    because="The last search is 21 days old.",
)
VERSION = Version(
    model="lapse",
    version=7,
    recipe=3,
    algorithm="xgboost",
    mlflow_run_id="4f0c",
    manifest={"model.ubj": "a" * 64, "contract.json": "b" * 64},
    data_hash="c" * 64,
    training_as_ofs=TRAINING,
    holdout_as_ofs=HOLDOUT,
    trained_for=TRAINED_FOR,
    effective_at=at(TRAINED_FOR),
    parameters={"max_depth": 4, "learning_rate": 0.03, "rounds": 212},
    config_hash=MODEL.config_hash,
    query_hash=DECLARATION.query_hash,
    code_version="0.2.0+123456789abc",
    tuning=Tuning(
        is_searched=True,
        because="The last search is 21 days old.",
        recipe=Recipe("xgboost", {"max_depth": 4}),
        basis="d" * 64,
        trials=50,
        gain=interval(0.0012, 0.0013),
    ),
)
SCORES, LABELS = draw_scores(HOLDOUT)
MEASURED = Measured(
    confidence=0.95,
    recall=0.8,
    inputs=(
        Input("recency_days", "numeric", 0, "increasing"),
        Input("tenure_days", "numeric", 0, None),
        Input("favourite_store", "category", 12, None),
    ),
    calibrator="beta",
    training_rows=26_480,
    training_positives=3_390,
    rows=len(SCORES),
    entities=300,
    positives=int(LABELS.sum()),
    mean_score=float(SCORES.mean()),
    figures=(
        Figure("auc", interval(0.861)),
        Figure("log_loss", interval(0.281)),
        Figure("calibration_error", interval(0.014, 0.005)),
    ),
    bins=reliability_bins(SCORES, LABELS),
    segments=(
        SegmentFigure("income", "50-74K", 800, 104, 0.13, interval(0.85)),
        SegmentFigure("income", "250K+", 36, 1, 0.02, None),
    ),
)
VERDICT = Verdict(
    model="lapse",
    as_of=TRAINED_FOR,
    outcome=Outcome.PROMOTE,
    challenger_version=7,
    champion_version=4,
    holdout_as_ofs=HOLDOUT,
    rows=8_836,
    positives=1_131,
    metrics=(MetricComparison("auc", 0.852, 0.861, interval(0.009, 0.004)),),
    baselines=(MetricComparison("auc_over_recency", 0.754, 0.861, interval(0.107)),),
    segments=(SegmentComparison("income", "50-74K", 800, 104, is_assessed=True, gain=interval(0.01)),),
    knowledge_lag_days=37,
    reasons=("The gain of +0.0090 AUC lies above 0 and reaches the floor of +0.0085.", "Nothing speaks against it."),
    side="superiority",
    alpha=0.00048,
    looks=(Look(HOLDOUT, 0.009, 0.002, 0.5, 0.0001, 3.3),),
    guards=(
        Guard("log_loss", interval(0.004), 0.003, "held", "Log-loss does not get worse."),
        Guard("income = 250K+", None, 0.02, "not assessed", "income = 250K+ holds 1 positive, and 50 are the fewest."),
        Guard("calibration_error", interval(-0.011, 0.004), 0.01, "doubtful", "Calibration may have become worse."),
    ),
    blast_radius=BlastRadius(HOLDOUT[-1], 2209, 0.81, 31, 12, {"income = 50-74K": 0.021}, "The top decile keeps 81%."),
    doubts=("Calibration may have become worse.",),
)


CAME = {"auc": interval(0.842), "log_loss": interval(0.29)}
RECIPE_OF = {4: 2, 7: 3, 8: 3, 9: 3, 10: 3, 11: 4}
"""Version -> recipe."""


def move(version: int, day: date, previous: int | None, kind: MoveKind = "promote") -> Promotion:
    """A movement of the champion; promotions rest on a verdict."""
    number = 1 if previous is None else previous
    evaluation = number if kind == "promote" else None
    recipe = RECIPE_OF[version]
    return Promotion(number, "lapse", version, previous, kind, "applied", evaluation, "Because.", "tester", at(day), recipe)


CHECK = DriftCheck(
    model="lapse",
    as_of=date(2017, 11, 20),
    version=7,
    rows=2210,
    features=(
        FeatureDrift("recency_days", 0.31, 9.4, 12.8, 0.0, 0.0, is_drifted=True, can_trigger=True),
        FeatureDrift("tenure_days", 4.75, 89.2, 185.6, 0.0, 0.0, is_drifted=True, can_trigger=False),
        FeatureDrift("favourite_store", 0.01, None, None, 0.0, 0.0, is_drifted=False, can_trigger=True),
    ),
    drifted_share=0.5,
    prediction_shift=0.021,
    score_psi=0.02,
    is_drifted=True,
    report="https://airflow.example.com/perennial/reports/lapse/2017-11-20",
)

CHALLENGER = CardEvidence(
    declaration=DECLARATION,
    version=VERSION,
    recipe=RECIPE,
    fits=(KnownFit(7, TRAINED_FOR, "training", TRAINING[-1], 0),),
    logged=LoggedTraining(
        metrics={"auc": 0.858},
        fold_headlines={1: 0.851, 2: 0.862},
        importances={"recency_days": 0.62, "favourite_store": 0.3, "tenure_days": 0.08},
        alarms="tenure_days separates the first from the last as_of.",
    ),
    measured=MEASURED,
    training=tuple(BuiltDay(day, 2209, 3, "backfill", {}) for day in TRAINING),
    holdout=tuple(BuiltDay(day, 2209, 0, "live", {}) for day in HOLDOUT),
    verdicts=(DatedVerdict(41, at(TRAINED_FOR), VERDICT),),
    contests=(Contest(9, "lapse", 3, 2, 0.00048, 16, 4, "promoted", TRAINED_FOR, at(TRAINED_FOR)),),
    questions=(Asked(at(TRAINED_FOR), ("Calibration may have become worse.",), "approved", "ada", "Seen.", at(PROMOTED_ON)),),
    promotions=(move(4, date(2017, 8, 2), None),),
    links=(("MLflow run", "https://mlflow.example.com/#/experiments/1/runs/4f0c"),),
)
"""Assessed, and not promoted."""

CHAMPION = replace(
    CHALLENGER,
    promotions=(*CHALLENGER.promotions, move(7, PROMOTED_ON, 4)),
    checks=(CHECK,),
    promised_by=7,
    promised=MEASURED,
)
"""Promoted on a Wednesday; nothing that it published has matured."""

REFITS = (
    replace(VERSION, version=8, trained_for=date(2017, 11, 8), effective_at=at(date(2017, 11, 8)), origin="refresh", tuning=None),
    replace(
        VERSION,
        version=9,
        trained_for=date(2017, 11, 15),
        effective_at=at(date(2017, 11, 15)),
        origin="refresh",
        tuning=None,
        training_as_ofs=(*TRAINING[2:], date(2017, 10, 2), date(2017, 10, 9)),
        parameters={"max_depth": 4, "learning_rate": 0.03, "rounds": 198},
        distance=FitDistance(8, date(2017, 11, 13), 2210, 0.981, 0.87, 0.013),
    ),
)
REFRESHED = replace(
    CHAMPION,
    version=REFITS[1],
    measured=replace(MEASURED, figures=(Figure("auc", interval(0.848)),)),
    fits=(
        replace(CHAMPION.fits[0], published=1),
        *(KnownFit(fit.version, fit.trained_for, "refresh", fit.training_as_ofs[-1], 1) for fit in REFITS),
    ),
    promotions=(
        *CHAMPION.promotions,
        move(8, date(2017, 11, 8), 7, "refresh"),
        move(9, date(2017, 11, 15), 8, "refresh"),
    ),
    checks=(),
    published=(PublishedDay(date(2017, 11, 20), 2210, 0.128, None, None),),
)
"""The third fit of the recipe serves: the first has published 11-06, the second 11-13."""


def serve(evidence: CardEvidence, as_ofs: int) -> CardEvidence:
    """The same version after so many as_ofs since its recipe's promotion have matured, each published by who served then."""
    days = tuple(date(2017, 11, 6) + timedelta(weeks=week) for week in range(as_ofs))
    served = tuple(
        ServedDay(100 + place, day, _who_served(evidence, day), 2209, 290, CAME, 0.13, 0.131) for place, day in enumerate(days)
    )
    pooled = measure_served(MODEL, *draw_scores(days[:4], seed=2)) if days else None
    newest = measure_served(MODEL, *draw_scores(days[-4:], seed=3)) if as_ofs > 4 else None
    own = tuple(
        PublishedDay(day.as_of, day.rows, day.mean_score, day.positives, day.metrics, day.base_rate)
        for day in served
        if day.version == evidence.version.version
    )
    waiting = tuple(day for day in evidence.published if day.as_of not in days)
    return replace(evidence, published=(*own, *waiting), served=served, first_served=pooled, newest_served=newest)


def of_amounts(evidence: CardEvidence) -> CardEvidence:
    """The same version of a model that predicts what a household spends."""
    declaration = load_declaration(ROOT, "spend_next_28d")
    task = task_of(declaration.model)
    scores, labels = (40 * drawn for drawn in draw_scores(HOLDOUT))
    figures = tuple(Figure(name, found) for name, found in task.list_figures(scores, labels).items())
    segment = SegmentFigure("household_size", "2", 800, None, 40.0, interval(0.61), 38.0)
    measured = replace(
        MEASURED,
        training_positives=None,
        positives=None,
        mean_score=40.0,
        figures=figures,
        bins=task.cut_bins(scores, labels),
        segments=(segment, replace(segment, value="5", headline=None)),
        training_mean=39.0,
        mean_label=38.0,
    )
    came = {"gini": interval(0.612), "mse": interval(51_234.0, 900.0), "total_bias": interval(1.087)}
    served = tuple(replace(day, positives=None, metrics=came, mean_score=41.5, base_rate=38.2) for day in evidence.served)
    own = tuple(PublishedDay(day.as_of, day.rows, day.mean_score, None, day.metrics, day.base_rate) for day in served)
    pooled = measure_served(declaration.model, scores, labels)
    return replace(
        evidence,
        declaration=declaration,
        measured=measured,
        promised=measured,
        served=served,
        published=own,
        first_served=pooled,
        newest_served=None,
    )


def of_classes(evidence: CardEvidence) -> CardEvidence:
    """The same version of a model that says in which department a household will spend most."""
    declaration = load_declaration(ROOT, "next_department")
    task = task_of(declaration.model)
    likely, came = draw_scores(HOLDOUT)
    scores = pd.DataFrame({"deli": likely, "fuel": 0.7 * (1 - likely), "meat": 0.3 * (1 - likely)})
    labels = pd.Series(np.where(came == 1, "deli", "fuel"), index=came.index, dtype="str")
    figures = tuple(Figure(name, found) for name, found in task.list_figures(scores, labels).items())
    measured = replace(
        MEASURED,
        training_positives=None,
        positives=None,
        mean_score=0.61,
        figures=figures,
        bins=task.cut_bins(scores, labels),
        segments=(SegmentFigure("household_size", "2", 800, None, 0.6, interval(1.21), 0.58),),
        classes=task.cut_classes(scores, labels),
        training_mean=task.average_labels(labels),
        mean_label=0.58,
    )
    kept = {"log_loss": interval(1.1), "macro_auc": interval(0.71), "accuracy": interval(0.59)}
    served = tuple(replace(day, positives=None, metrics=kept, mean_score=0.6, base_rate=0.59) for day in evidence.served)
    own = tuple(PublishedDay(day.as_of, day.rows, day.mean_score, None, day.metrics, day.base_rate) for day in served)
    return replace(
        evidence,
        declaration=declaration,
        measured=measured,
        promised=measured,
        served=served,
        published=own,
        first_served=measure_served(declaration.model, scores, labels),
        newest_served=None,
    )


def _who_served(evidence: CardEvidence, day: date) -> int:
    return [move.version for move in evidence.promotions if move.effective_at <= at(day)][-1]
