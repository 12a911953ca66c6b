"""The table [training] of a model file: how a challenger is made, and what a person has ruled about its features."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from perennial.config.section import Identifier, Section

Direction = Literal["increasing", "decreasing"]
FeatureAuc = Annotated[float, Field(gt=0.5, le=1)]


class Training(Section):
    """How a challenger is made.

    Attributes:
        max_feature_auc: a feature that alone ranks better than this stops the training as a leak.
        acknowledged_auc: feature -> the AUC up to which a person has found it honest; it is named at every training, and
            stops one only beyond.
        recency: the feature of the single-feature baseline; without it, the one that ranks best alone.
        exclude: features that the snapshot keeps and nothing learns from.
        search_every_days: a training searches when the last search is at least so old; 0 searches every time.
        search_on_drift: and when drift asked for it.
        monotone: feature -> whether the score may only rise or only fall as its known values grow, all else equal.
    """

    as_ofs: int = Field(default=26, ge=1)
    min_as_ofs: int = Field(default=8, ge=2)
    holdout_as_ofs: int = Field(default=4, ge=2)
    folds: int = Field(default=5, ge=2)
    trials: int = Field(default=50, ge=1)
    timeout_minutes: float = Field(default=20, gt=0)
    search_every_days: int = Field(default=28, ge=0)
    search_on_drift: bool = True
    algorithms: tuple[Literal["xgboost", "lightgbm"], ...] = Field(default=("xgboost", "lightgbm"), min_length=1, strict=False)
    metric: Literal["roc_auc"] = "roc_auc"
    seed: int = 7
    max_feature_auc: FeatureAuc = 0.80
    acknowledged_auc: dict[Identifier, FeatureAuc] = Field(default_factory=dict)
    recency: Identifier | None = None
    exclude: tuple[Identifier, ...] = Field(default=(), strict=False)
    monotone: dict[Identifier, Direction] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _rules_nothing_about_what_it_excludes(self) -> Training:
        for key, names in self.named_features.items():
            both = sorted(set(names) & set(self.exclude)) if key != "exclude" else []
            if both:
                raise ValueError(f"training.exclude and training.{key} both name {', '.join(both)}: take it out of one of them")
        return self

    @property
    def named_features(self) -> dict[str, tuple[str, ...]]:
        """Key -> the features that it names: each must be one."""
        return {
            "recency": (self.recency,) if self.recency else (),
            "acknowledged_auc": tuple(self.acknowledged_auc),
            "exclude": self.exclude,
            "monotone": tuple(self.monotone),
        }

    @property
    def rulings(self) -> dict[str, str]:
        """What a person has ruled about the inputs, in words: part of what a version was made by. Empty without a ruling."""
        directions = ", ".join(f"{name} {direction}" for name, direction in sorted(self.monotone.items()))
        stated = {"monotone": directions, "exclude": ", ".join(sorted(self.exclude))}
        return {key: text for key, text in stated.items() if text}
