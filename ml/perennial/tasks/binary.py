"""Yes or no: labels are 0 or 1, scores are probabilities, and the ranking within a day decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import ClassVar

import numpy as np
import pandas as pd

from perennial import metrics
from perennial.config import Model
from perennial.config.terms import Figure, Terms
from perennial.metrics import ReliabilityBin
from perennial.metrics.panel import AlignedRows, make_panel
from perennial.records import Interval
from perennial.tasks.chances import Figures
from perennial.tasks.fitting import PROBABILITIES
from perennial.tasks.measure import Guarded, Measure, Ranker, Worse, find_floor
from perennial.tasks.outcomes import OutcomeColumn
from perennial.tasks.scores import Scores, read_numbers
from perennial.tasks.task import Floats, Mask, Task, Turn
from perennial.tasks.watching import compare_odds, rank_or_unknown, say_weighed, try_metric

PRIOR_SHOCK = 0.004


class Binary(Task):
    """A score is the calibrated probability that the label is 1."""

    terms: ClassVar[Terms] = Terms(
        labels="0 or 1, so that scores are probabilities",
        metrics={"roc_auc": "auc"},
        about_default="the mean over as_ofs of the AUC within one",
        figures={
            "auc": Figure("AUC"),
            "average_precision": Figure("average precision"),
            "brier": Figure("Brier score", is_lower_better=True),
            "precision": Figure("precision"),
            "precision_at_recall": Figure("precision at the guarded recall"),
        },
        drafted_from="condition",
    )
    outcomes: ClassVar[Mapping[str, OutcomeColumn]] = {
        "positives": OutcomeColumn("outcomes.positives", "Those whose label is 1"),
        "base_rate": OutcomeColumn("outcomes.base_rate", "Share of positives, weighted by label.weight if there is one"),
        "mean_score": OutcomeColumn("outcomes.mean_score", "Mean score; equals base_rate when calibrated"),
        "auc": OutcomeColumn("auc.value", "Area under the ROC curve within the as_of"),
        "auc_low": OutcomeColumn("auc.low", "Lower end of its interval"),
        "auc_high": OutcomeColumn("auc.high", "Upper end of its interval"),
        "log_loss": OutcomeColumn("log_loss.value", "Mean negative log-likelihood in nats; smaller is better"),
    }
    label_column = "smallint not null check (label in (0, 1))"
    label_types = ("smallint", "integer", "bigint", "boolean")
    label_type, label_cast, label_dtype = "smallint", "integer", "int64"
    label_said = "0 or 1"
    wrong_label = "a label that is neither 0 nor 1"
    wrong_score = "lie outside [0, 1]"
    score_meaning = "Calibrated probability in [0, 1]"
    second = "log_loss"
    came_named, bins_law = "Share that came true", "Wilson's"
    rarer_named = "rows of a class"
    alike = "labels of one class only"
    awaited = "more of the rarer outcome"
    fitting = PROBABILITIES
    alone_named = "an AUC"
    mean_named = ("share of positives", "share of positives")
    calibration_named = ("mean score", "share that happened")
    score_range = (0.0, 1.0)
    tells_constant = False  # its verdicts are what they were; an AUC of .5 says it
    carriers_named = "positives"
    can_be_missed = True

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self.figures = Figures(model)
        self.headline = self.figures.auc
        self.loss = self.figures.log_loss

    # Labels

    def find_wrong_labels(self, labels: pd.Series) -> str | None:
        """0 and 1, and nothing else."""
        found = np.unique(labels.to_numpy(dtype=np.float64))
        if set(found.tolist()) <= {0.0, 1.0}:
            return None
        return f"labels must be 0 or 1, found {found[:5].tolist()}"

    def can_learn(self, labels: pd.Series) -> bool:
        """Both classes occur."""
        return 0 < float(labels.mean()) < 1 if len(labels) else False

    def say_unlearnable(self, labels: pd.Series) -> str:
        """All are of one class."""
        return f"all {len(labels)} training labels are {float(labels.iloc[0]):.0f}"

    def can_judge(self, labels: pd.Series) -> bool:
        """Both classes occur on some as_of."""
        return bool(labels.groupby(level="as_of").mean().between(0, 1, inclusive="neither").any())

    # Fitting

    @property
    def out_of_fold(self) -> tuple[Measure, ...]:
        """Those that are means or ranks; what a capacity says belongs to comparisons."""
        known = {measure.name: measure for measure in self.measures}
        return tuple(known[name] for name in ("auc", "log_loss", "brier", "average_precision"))

    def round_merit(self, merit: float) -> float:
        """AUCs closer than .0001 are equal: the standard error is six times that."""
        return round(merit, 4)

    def spread_alone(self, strength: float, labels: pd.Series) -> float:
        """By the positives and negatives among entities."""
        return metrics.spread_of_auc(strength, labels)

    # Judging

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The AUC, then what else is shown."""
        return self.figures.measures

    def find_floor(self, champion: float) -> float:
        """Of a metric between 0 and 1."""
        return find_floor(self.model.promotion.min_gain, champion)

    @property
    def guarded(self) -> tuple[Guarded, ...]:
        """What the scores say, and whom they bring to the top."""
        return self.figures.guarded

    @property
    def doubts(self) -> tuple[str, ...]:
        """None: a ranking cannot be won by a few rows."""
        return ()

    def find_prior_shock(self, champion: float) -> float:  # noqa: ARG002 - an AUC varies alike wherever it lies
        """In AUC; bench/gate.py says what it costs."""
        return PRIOR_SHOCK

    def code_rows(self, labels: pd.Series) -> AlignedRows:
        """Each 0 or 1."""
        return make_panel(labels)

    def name_sides(self, labels: pd.Series) -> Mapping[str, Mask]:
        """Positives, and negatives."""
        is_positive = labels.to_numpy(dtype=np.float64) == 1
        return {"a positive label": is_positive, "a negative label": ~is_positive}

    def select(self, rows: AlignedRows, scores: Floats, rank: Floats) -> Mask:  # noqa: ARG002 - a threshold needs no days
        """Who reaches the threshold, or the first `capacity` of each day."""
        capacity = self.model.promotion.capacity
        return scores >= self.model.scoring.threshold if capacity is None else rank < capacity

    def bear_within_segment(self, champion: float) -> float:  # noqa: ARG002 - an AUC falls alike wherever it lies
        """In AUC."""
        return self.model.promotion.tolerated.segment_auc

    # Watching

    @property
    def turns(self) -> Mapping[str, Turn]:
        """Rankings fall, the log-loss rises, and the calibration goes either way."""
        return {"auc": "fall", "calibration": "either", "log_loss": "rise"}

    @property
    def names(self) -> Mapping[str, str]:
        """In words."""
        return {
            "auc": "the AUC of the scores",
            "calibration": "the calibration (log-odds of what happened minus log-odds of the mean score)",
            "log_loss": "the log-loss of the scores",
            "feature": "the AUC of a single feature",
        }

    @property
    def says_means(self) -> bool:
        """A probability is one."""
        return True

    def realise(self, scores: Scores, labels: pd.Series, confidence: float) -> Mapping[str, Interval]:
        """AUC and log-loss; a day of one class ranks nobody."""
        scores = read_numbers(scores)
        auc = rank_or_unknown(partial(self.headline.single, scores, labels, confidence))
        loss = try_metric(lambda: metrics.loss_with_interval(scores, labels, confidence=confidence))
        return {"auc": auc, "log_loss": replace(loss, estimate=self.loss.value(scores, labels))}

    def measure_day(self, scores: Scores, labels: pd.Series) -> Mapping[str, Interval]:
        """AUC, calibration, log-loss."""
        scores = read_numbers(scores)
        return {
            "auc": metrics.auc_with_interval(scores, labels),
            "calibration": compare_odds(scores, labels),
            "log_loss": metrics.loss_with_interval(scores, labels),
        }

    def open_ranker(self, labels: pd.Series) -> Ranker:
        """The AUC."""
        return partial(metrics.auc_alone, labels=labels)

    def list_figures(self, scores: Scores, labels: pd.Series) -> Mapping[str, Interval]:
        """Each by itself, with its interval."""
        measures, sure = self.figures.singles, self.model.promotion.confidence
        return {name: rank_or_unknown(partial(each, scores, labels, confidence=sure)) for name, each in measures.items()}

    def cut_bins(self, scores: Scores, labels: pd.Series) -> tuple[ReliabilityBin, ...]:
        """With Wilson's intervals."""
        return metrics.reliability_bins(read_numbers(scores), labels, confidence=self.model.promotion.confidence)

    def say_answer(self, entity: str) -> str:
        """A probability, and from where on it counts as a yes."""
        days, threshold = self.model.label.horizon_days, self.model.scoring.threshold
        return (
            f"For every {entity} of the cohort a score in [0, 1]: the probability that the label comes true within "
            f"{days} days. A score of at least {threshold:g} predicts that it does."
        )

    @property
    def outage(self) -> tuple[str, str]:
        """It would look like the outcome."""
        return "counts what is missing in", "pass for an outcome"

    def say_action(self, threshold: float, recall: float) -> str:
        """The threshold, and the recall at which precision is given."""
        return f"The threshold of {threshold:g} is declared, not fitted, and precision is given at {recall:.0%} recall"

    def find_worse(self, promised: float, realised: Interval) -> Worse:
        """In AUC."""
        return Worse(points=promised - realised.high)

    def describe_labels(self, labels: pd.Series) -> str:
        """How often the outcome is there."""
        rows, positives = len(labels), int(labels.sum())
        return f"{positives} of {rows} labels are 1 ({metrics.average(labels):.1%}{say_weighed(labels)})"

    def advise_on_labels(self, labels: pd.Series) -> str:  # noqa: ARG002 - nothing of 0 and 1 is declared
        """Nothing."""
        return ""

    def count_rarer(self, labels: pd.Series) -> int:
        """Rows of the rarer class."""
        positives = int(labels.sum())
        return min(positives, len(labels) - positives)

    def count_positives(self, labels: pd.Series) -> int | None:
        """Those that are 1."""
        return int(labels.sum())

    def find_scale(self, spread: float, mean: float) -> float:  # noqa: ARG002 - the spread of amounts matters
        """The mean itself: a probability lies above 0."""
        return mean
