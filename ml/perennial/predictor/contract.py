"""contract.json: everything about a fitted model that its native file does not say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from perennial.records import Algorithm, Link

MODEL_FILES: dict[str, str | None] = {
    "xgboost": "model.ubj",
    "lightgbm": "model.lgb",
    "logistic": None,
    "ridge": None,
    "single_feature": None,
}


class Part(BaseModel):
    """A frozen part of the contract; unknown keys, NaN and infinities are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Feature(Part):
    """One input, in the order of the model's columns.

    Attributes:
        kind: `numeric` also covers booleans, as 0 and 1.
        categories: of a category: the values that it knows, sorted; a value's code is its position.
        pooled: of a category: how many rarer values of the training share one more code, the last, with whatever it never saw.
            0: none were rare, and what it never saw is missing.
        median: of a numeric input over the training rows; a linear recipe puts it where a value is missing.
        monotone: how the score was bound to move as known values of a number grow, all else equal.
    """

    name: str
    kind: Literal["numeric", "category"] = "numeric"
    categories: tuple[str, ...] = ()
    pooled: int = Field(default=0, ge=0)
    median: float | None = None
    monotone: Literal["increasing", "decreasing"] | None = None

    @property
    def sign(self) -> int:
        """1 or -1 for a monotone input, 0 for a free one: how both libraries write it."""
        return 0 if self.monotone is None else {"increasing": 1, "decreasing": -1}[self.monotone]

    @property
    def width(self) -> int:
        """Number of columns that `expand_inputs` makes of it: one of a number, one for each code of a category."""
        return len(self.categories) + (self.pooled > 0) if self.kind == "category" else 1

    @model_validator(mode="after")
    def _only_numbers_are_monotone(self) -> Feature:
        if self.kind == "category" and self.monotone:
            raise ValueError(f"feature '{self.name}' is a category and has no order in which it could be {self.monotone}")
        return self

    @model_validator(mode="after")
    def _categories_are_sorted_and_distinct(self) -> Feature:
        if self.kind == "numeric" and (self.categories or self.pooled):
            raise ValueError(f"feature '{self.name}' is numeric and cannot list categories")
        if list(self.categories) != sorted(set(self.categories)):
            raise ValueError(f"feature '{self.name}': categories must be sorted and distinct, for their position is their code")
        return self


CalibratorKind = Literal["platt", "beta", "line", "power", "softmax"]
CALIBRATORS: Mapping[Link, tuple[CalibratorKind, ...]] = {
    "logit": ("platt", "beta"),
    "identity": ("line",),
    "log": ("power",),
    "softmax": ("softmax",),
}
"""Of raw scores by each link, the plainest first."""


class Calibrator(Part):
    """A strictly increasing map of raw scores, so that calibration never makes or breaks a tie; of classes each column is.

    Attributes:
        coefficients: platt (a, b): sigmoid(a logit(p) + b) with a > 0;
            beta (a, b, c): sigmoid(a ln p - b ln(1 - p) + c) with a, b >= 0 and one of them above 0;
            line (a, b), of amounts: a y + b with a > 0, b in the units of the target; nothing is cut off where labels end;
            power (a, b), of amounts above 0: exp(a ln y + b) with a > 0;
            softmax (a, b1, b2, ...), of classes: softmax(a ln p + b) with a > 0 and b1 = 0; alone a stands for biases of 0.
    """

    kind: CalibratorKind
    coefficients: tuple[float, ...]

    @model_validator(mode="after")
    def _is_strictly_increasing(self) -> Calibrator:
        match self.kind, self.coefficients:
            case "platt" | "line" | "power", (slope, _) if slope > 0:
                return self
            case "softmax", (slope, *biases) if slope > 0 and not any(biases[:1]):
                return self
            case "beta", (left, right, _) if min(left, right) >= 0 and max(left, right) > 0:
                return self
        raise ValueError(f"{self.kind} calibrator with coefficients {self.coefficients} is not strictly increasing")


IDENTITIES: Mapping[Link, Calibrator] = {
    link: Calibrator(kind=kinds[0], coefficients=(1.0,) if kinds == ("softmax",) else (1.0, 0.0))
    for link, kinds in CALIBRATORS.items()
}
"""What leaves raw scores as they are."""
IDENTITY = IDENTITIES["logit"]


class Linear(Part):
    """A weighted sum over the columns of `expand_inputs`, intercept + sum of coefficient * (x - mean) / scale: the margin, which
    the contract's link turns into a raw score.
    """

    intercept: float
    coefficients: tuple[float, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]

    @model_validator(mode="after")
    def _has_equal_lengths_and_positive_scales(self) -> Linear:
        if not len(self.coefficients) == len(self.means) == len(self.scales):
            raise ValueError("coefficients, means and scales differ in length")
        if min(self.scales, default=1.0) <= 0:
            raise ValueError("scales must be above 0: give 1 for a constant column")
        return self

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self.coefficients)


class ClassLinear(Part):
    """The same for classes: a margin for each, in their order; means and scales are those of the columns, for all of them."""

    intercepts: tuple[float, ...]
    coefficients: tuple[tuple[float, ...], ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self.means)

    @model_validator(mode="after")
    def _has_equal_lengths_and_positive_scales(self) -> ClassLinear:
        if len(self.intercepts) != len(self.coefficients):
            raise ValueError("there must be an intercept and a row of coefficients for each class")
        if {len(self.means), len(self.scales), *map(len, self.coefficients)} != {len(self.means)}:
            raise ValueError("coefficients, means and scales differ in length")
        if min(self.scales, default=1.0) <= 0:
            raise ValueError("scales must be above 0: give 1 for a constant column")
        return self


class Contract(Part):
    """What a predictor needs beside its native file.

    Attributes:
        rounds: number of boosting rounds, 0 where none are.
        link: from the margin to a raw score; the file says nothing of it where it is `logit`, as all were once.
        classes: sorted, of a link to classes; None, and not in the file, where a score is one number.
    """

    format: Literal[1] = 1
    model: str
    algorithm: Algorithm
    features: tuple[Feature, ...] = Field(min_length=1)
    calibrator: Calibrator = IDENTITY
    rounds: int = Field(default=0, ge=0)
    linear: Linear | ClassLinear | None = None
    link: Link = "logit"
    classes: tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _is_calibrated_by_its_link(self) -> Contract:
        if self.calibrator.kind not in CALIBRATORS[self.link]:
            raise ValueError(f"a {self.calibrator.kind} calibrator does not fit link {self.link}: {CALIBRATORS[self.link]} do")
        return self

    @model_validator(mode="after")
    def _has_classes_by_its_link(self) -> Contract:
        if (self.link == "softmax") != (self.classes is not None):
            raise ValueError("classes belong to link softmax, and only to it")
        if self.classes is None:
            return self
        if len(self.classes) < 2 or list(self.classes) != sorted(set(self.classes)):  # noqa: PLR2004 - of one nothing is said
            raise ValueError("classes must be two or more, sorted and distinct, for their position is their code")
        biases = len(self.calibrator.coefficients) - 1
        if biases not in (0, len(self.classes)):
            raise ValueError(f"the calibrator has {biases} biases for {len(self.classes)} classes")
        return self

    @model_validator(mode="after")
    def _is_whole(self) -> Contract:
        if len(set(self.names)) < len(self.names):
            raise ValueError(f"a feature is listed twice: {self.names}")
        if (self.model_file is None) != (self.linear is not None):
            raise ValueError("linear belongs to logistic, ridge and single_feature, and only to them")
        if self.linear is not None and isinstance(self.linear, ClassLinear) != (self.classes is not None):
            raise ValueError("linear must have a margin for each class, and one margin where there are no classes")
        if isinstance(self.linear, ClassLinear) and len(self.linear.intercepts) != len(self.classes or ()):
            raise ValueError(f"linear has {len(self.linear.intercepts)} margins for {len(self.classes or ())} classes")
        if self.algorithm == "single_feature" and len(self.features) > 1:
            raise ValueError(f"a single_feature rule reads one feature, found {self.names}")
        if self.linear is not None and self.linear.width != self.expanded_width:
            raise ValueError(f"linear has {self.linear.width} columns, the features expand to {self.expanded_width}")
        return self

    def write(self) -> str:
        """As contract.json: the same contract gives the same bytes."""
        unsaid = {"link": self.link == "logit", "classes": self.classes is None}
        return self.model_dump_json(indent=1, exclude={key for key, is_unsaid in unsaid.items() if is_unsaid})

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)

    @property
    def expanded_width(self) -> int:
        """Number of columns that `expand_inputs` makes of the features."""
        return sum(feature.width for feature in self.features)

    @property
    def model_file(self) -> str | None:
        """The native file's name; None for what is whole in contract.json."""
        return MODEL_FILES[self.algorithm]
