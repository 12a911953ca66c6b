"""Which of several: labels are names of classes, and a score is a probability for each of those that the training saw.

What people act on is the likeliest class, so that its probability is what is published, ranked, and asked whether it came.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import ClassVar

import numpy as np
import pandas as pd

from perennial import metrics
from perennial.config import Model
from perennial.config.terms import Figure, Terms
from perennial.metrics import ClassReliability, ReliabilityBin
from perennial.metrics.panel import AlignedRows
from perennial.records import Interval
from perennial.records.profiles import SeenAmounts
from perennial.tasks import classes
from perennial.tasks.binary import PRIOR_SHOCK
from perennial.tasks.fitting import CLASSES
from perennial.tasks.measure import Guarded, Measure, Ranker, Worse, find_floor
from perennial.tasks.outcomes import OutcomeColumn, tell_headline
from perennial.tasks.regression import PRIOR_SHOCK_SHARE
from perennial.tasks.scores import CLASS_COLUMNS, Scores, read_classes
from perennial.tasks.task import Floats, Mask, Task, Turn
from perennial.tasks.top import select_first
from perennial.tasks.watching import UNKNOWN, compare_odds, try_metric
from perennial.tasks.widening import code_classes, name_classes


class Multiclass(Task):
    """A score is a calibrated probability for each class."""

    terms: ClassVar[Terms] = Terms(
        labels="names of classes, so that a score is the probability of the likeliest",
        metrics={"log_loss": "log_loss", "macro_auc": "macro_auc"},
        figures={
            "macro_auc": Figure("macro AUC"),
            "accuracy": Figure("share of right classes"),
            "accuracy_at_capacity": Figure("share of right classes among the capacity"),
        },
        drafted_from="commonest",
        has_direction=False,
    )
    outcomes: ClassVar[Mapping[str, OutcomeColumn]] = {
        "share_right": OutcomeColumn("outcomes.base_rate", "Share of the rows whose published class came"),
        "mean_score": OutcomeColumn(
            "outcomes.mean_score", "Mean probability of the published class; equals share_right when scores are right"
        ),
        **tell_headline(terms),
        "log_loss": OutcomeColumn("log_loss.value", "Log-loss of all probabilities, no row above 9.2; lower is better"),
        "macro_auc": OutcomeColumn(
            "macro_auc.value",
            "AUC of each class against the others, averaged over classes that enough entities carry; NaN where none is",
        ),
    }
    published = CLASS_COLUMNS
    kept_as = ("probabilities", "jsonb")
    label_column = "text not null check (label <> '')"
    label_types = ("text", "character varying", "smallint", "integer", "bigint", "boolean")
    label_type, label_cast, label_dtype = "text", "text", "str"
    label_said = "the name of a class"
    wrong_label = "a label that is empty"
    wrong_score = "lie outside [0, 1]"
    score_meaning = "Calibrated probability of the class, the likeliest, in [0, 1]"
    came_named, bins_law = "Share that came true", "Wilson's"
    rarer_named = "rows of another class than the commonest"
    alike = "labels of one class only"
    awaited = "more of the rarer classes"
    fitting = CLASSES
    alone_named = "an AUC of one class against the others"
    mean_named = ("share of the commonest class", "share that came true")
    calibration_named = ("mean probability of the likeliest class", "share in which it came")
    score_range = (0.0, 1.0)
    carriers_named = "rows of rarer classes"
    can_be_missed = False

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self.figures = classes.Figures(model)
        self.headline = self.figures.headline
        self.second = "macro_auc" if self.headline is self.figures.log_loss else "log_loss"
        self.loss = self.figures.log_loss

    @classmethod
    def draft_metric(cls, seen: SeenAmounts | None) -> tuple[str, ...]:  # noqa: ARG003 - of classes there is nothing to choose by
        """The default, and what else there is."""
        return ('# probabilities decide; "macro_auc" looks at the order within each class', 'metric = "log_loss"')

    # Labels

    def code_labels(self, labels: pd.Series) -> tuple[Floats, tuple[str, ...] | None]:
        """Their places among those found."""
        found = name_classes(labels)
        return code_classes(labels, found).to_numpy(dtype=np.float64), tuple(found)

    def find_wrong_labels(self, labels: pd.Series) -> str | None:
        """Names, none of them empty."""
        wrong = [each for each in labels.unique().tolist() if not (isinstance(each, str) and each)]
        return f"labels must be names of classes, found {wrong[:5]}" if wrong else None

    def can_learn(self, labels: pd.Series) -> bool:
        """More than one class occurs."""
        return len(name_classes(labels)) > 1

    def say_unlearnable(self, labels: pd.Series) -> str:
        """All are of one class."""
        return f"all {len(labels)} training labels are {labels.iloc[0]}"

    def can_judge(self, labels: pd.Series) -> bool:
        """The log-loss judges any row; an AUC takes an as_of with a class and others, and enough entities of both."""
        if self.headline is self.figures.log_loss:
            return len(labels) > 0
        return classes.can_rank(labels)

    # Fitting

    @property
    def search_inputs(self) -> tuple[object, ...]:
        """What is judged by."""
        return (self.model.metric,)

    @property
    def out_of_fold(self) -> tuple[Measure, ...]:
        """All but what a capacity says, which belongs to comparisons."""
        return tuple(measure for measure in self.measures if measure not in self.figures.at_capacity)

    def round_merit(self, merit: float) -> float:
        """To four decimals."""
        return round(merit, 4)

    def spread_alone(self, strength: float, labels: pd.Series) -> float:
        """By the entities of the class of which most speak."""
        return classes.spread_alone(strength, labels)

    # Judging

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The headline, then the others."""
        return (self.headline, *(each for each in self.figures.measures if each is not self.headline))

    def find_floor(self, champion: float) -> float:
        """A share of the champion's loss; of the AUC as of a metric between 0 and 1."""
        share = self.model.promotion.min_gain
        return share * champion if self.headline.is_lower_better else find_floor(share, champion)

    @property
    def guarded(self) -> tuple[Guarded, ...]:
        """The other of log-loss and macro AUC, what the probabilities say, and who is at the top."""
        return self.figures.guarded

    @property
    def doubts(self) -> tuple[str, ...]:
        """None of the rules themselves."""
        return ()

    def doubt_scores(self, scores: Scores, labels: pd.Series) -> tuple[str, ...]:
        """What it does not know it never says."""
        return classes.mention_unknown(read_classes(scores), labels)

    def remark_on(self, scores: Scores, labels: pd.Series) -> tuple[str, ...]:
        """Classes that it does not know, and those that the macro AUC leaves out."""
        return (*classes.mention_unknown(read_classes(scores), labels), *classes.mention_rare(labels))

    def find_prior_shock(self, champion: float) -> float:
        """A share of the champion's loss; of the macro AUC what it is of an AUC."""
        return PRIOR_SHOCK_SHARE * champion if self.headline.is_lower_better else PRIOR_SHOCK

    def code_rows(self, labels: pd.Series) -> AlignedRows:
        """Each the name of a class."""
        return classes.code_rows(labels)

    def name_sides(self, labels: pd.Series) -> Mapping[str, Mask]:
        """Where nearly all are of one class, what the others came to is what tells recipes apart."""
        commonest = labels.value_counts().index[0] if len(labels) else None
        is_common = np.asarray(labels.to_numpy(dtype=object) == commonest, dtype=np.bool_)
        return {"a label of a rarer class": ~is_common, "a label of the commonest class": is_common}

    def select(self, rows: AlignedRows, scores: Floats, rank: Floats) -> Mask:
        """The first `capacity` of each day, who reaches the threshold where one is declared, or else the first tenth."""
        return select_first(self.model, rows.days, scores, rank)

    def bear_within_segment(self, champion: float) -> float:
        """A share of the champion's loss there; of the macro AUC as of an AUC."""
        borne = self.model.promotion.tolerated
        return borne.segment_loss * champion if self.headline.is_lower_better else borne.segment_auc

    # Watching

    @property
    def turns(self) -> Mapping[str, Turn]:
        """The headline gets worse, the share that is right differs either way from what was said, and the loss rises."""
        worse: Turn = "rise" if self.headline.is_lower_better else "fall"
        return {self.headline.name: worse, "calibration": "either", "log_loss": "rise"}

    @property
    def names(self) -> Mapping[str, str]:
        return {
            "macro_auc": "the macro AUC of the scores",
            "calibration": "the calibration (log-odds of the share that was right minus log-odds of the mean score)",
            "log_loss": "the log-loss of the scores",
            "feature": "the AUC of a single feature for one class",
        }

    @property
    def says_means(self) -> bool:
        """A probability is one."""
        return True

    def pair_rows(self, scores: Scores, labels: pd.Series) -> tuple[pd.Series, pd.Series]:
        """The probability of the likeliest class, and whether it came."""
        return classes.find_sure(read_classes(scores), labels)

    def average_labels(self, labels: pd.Series) -> float:
        """The share of the commonest class."""
        return float(classes.share_classes(labels).max())

    def realise(self, scores: Scores, labels: pd.Series, confidence: float) -> Mapping[str, Interval]:
        """The headline, the other of log-loss and macro AUC, and the share that is right."""
        return self._measure_singles((self.headline.name, self.second, "accuracy"), scores, labels, confidence)

    def measure_day(self, scores: Scores, labels: pd.Series) -> Mapping[str, Interval]:
        """The headline, calibration, log-loss."""
        found = self._measure_singles((self.headline.name, "log_loss"), scores, labels, 0.95)
        said, came = self.pair_rows(scores, labels)
        return found | {"calibration": compare_odds(said, came) if 0 < came.mean() < 1 else UNKNOWN}

    def list_figures(self, scores: Scores, labels: pd.Series) -> Mapping[str, Interval]:
        """All, the headline first."""
        return self._measure_singles((self.headline.name, *self.figures.singles), scores, labels, self.figures.confidence)

    def _measure_singles(
        self, names: tuple[str, ...], scores: Scores, labels: pd.Series, confidence: float
    ) -> dict[str, Interval]:
        singles = self.figures.singles
        return {name: try_metric(partial(singles[name], read_classes(scores), labels, confidence)) for name in names}

    def open_ranker(self, labels: pd.Series) -> Ranker:
        """The highest AUC for any class against the others."""
        return classes.open_ranker(labels)

    def cut_bins(self, scores: Scores, labels: pd.Series) -> tuple[ReliabilityBin, ...]:
        """Of the likeliest class, with Wilson's intervals."""
        return metrics.reliability_bins(*self.pair_rows(scores, labels), confidence=self.figures.confidence)

    def cut_classes(self, scores: Scores, labels: pd.Series) -> tuple[ClassReliability, ...]:
        """Of all that either side knows; none where nobody was scored."""
        return () if scores.empty else self.figures.cut_classes(read_classes(scores), labels)

    def say_answer(self, entity: str) -> str:
        """A class with its probability."""
        days = self.model.label.horizon_days
        return (
            f"For every {entity} of the cohort the likeliest class of its label within {days} days, with its probability in "
            "[0, 1], and the probabilities of all classes."
        )

    @property
    def outage(self) -> tuple[str, str]:
        """It would look like another class."""
        return "counts what is missing in", "pass for a class"

    def say_action(self, threshold: float, recall: float) -> str:  # noqa: ARG002 - nothing is measured at either
        """Nothing is measured at a threshold."""
        return "All figures are about the whole cohort, not about those of whose class the model is surest"

    def find_worse(self, promised: float, realised: Interval) -> Worse:
        """Of the log-loss as a share, of the macro AUC in its points."""
        if not self.headline.is_lower_better:
            return Worse(points=promised - realised.high)
        return Worse(share=realised.low / promised - 1) if promised > 0 else Worse()

    def describe_labels(self, labels: pd.Series) -> str:
        """How often each class came."""
        return classes.describe_shares(labels)

    def advise_on_labels(self, labels: pd.Series) -> str:
        """To give those that few entities of a day carry a name together."""
        return classes.advise_names(labels)

    def count_rarer(self, labels: pd.Series) -> int:
        """Rows of another class than the commonest."""
        return len(labels) - int(labels.value_counts().iloc[0])

    def count_positives(self, labels: pd.Series) -> int | None:  # noqa: ARG002 - of classes none
        """It means nothing of classes."""
        return None

    def find_scale(self, spread: float, mean: float) -> float:  # noqa: ARG002 - the spread of amounts matters
        """The mean itself: a probability lies above 0."""
        return mean
