"""The table [training] of a model file: how a challenger is made, and what a person has ruled about its features."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from perennial.config.section import ColumnName, Section
from perennial.config.terms import Terms, list_terms

Direction = Literal["increasing", "decreasing"]
FeatureAuc = Annotated[float, Field(gt=0.5, le=1)]


def _tell_metrics(schema: dict[str, Any]) -> None:
    """Whether one judges the task of the file is a question to the whole of it."""
    schema["format"] = "; ".join(f"{name}: {_list_metrics(terms)}" for name, terms in list_terms().items())


def _list_metrics(terms: Terms) -> str:
    *others, last = (f'such as "{metric}"' if ":" in metric else f'"{metric}"' for metric in terms.metrics)
    listed = f"{', '.join(others)} or {last}" if others else last
    return f"{listed}, {terms.about_default}" if terms.about_default else listed


class Training(Section):
    """How a challenger is made."""

    as_ofs: int = Field(default=26, ge=1, description="Snapshots that train at most; fewer while history is short")
    min_as_ofs: int = Field(
        default=8, ge=2, description="With fewer matured snapshots nothing is searched; they must span the horizon"
    )
    holdout_as_ofs: int = Field(default=4, ge=2, description="Newest matured snapshots, never tuned on")
    folds: int = Field(default=5, ge=2, description="Time-ordered folds")
    trials: int = Field(default=50, ge=1, description="Optuna trials of a search")
    max_rows: int | None = Field(
        default=None,
        ge=1000,
        description="About so many rows teach at most: all of the rarer labels and a seeded share of the commonest, which weighs "
        "as much as all of it; of amounts, and where no label is rare, a share of all. Empty: every row teaches",
    )
    timeout_minutes: float = Field(
        default=20,
        gt=0,
        description="No further trial begins once the finished ones took so long, all attempts together; the defaults are tried "
        "in any case",
    )
    refresh: Literal["weekly", "4 weeks", "monthly", "never"] | None = Field(
        default=None,
        description="How often the champion's recipe is fitted anew; that fit serves without a verdict. Empty: with every as_of "
        "that trains, weekly or, in a monthly model, monthly",
    )
    search_every_days: int = Field(
        default=28,
        ge=0,
        description="A training searches when the last search is so old (0: always), and when SQL, inputs or rules changed; "
        "else it fits the last search's parameters again",
    )
    search_on_drift: bool = Field(default=True, description="Search whenever drift asked for the training")
    algorithms: tuple[Literal["xgboost", "lightgbm"], ...] = Field(
        default=("xgboost", "lightgbm"), min_length=1, strict=False, description="What a search chooses from"
    )
    device: Literal["cpu", "cuda"] = Field(
        default="cpu",
        description="On what XGBoost fits: the processor, or a GPU, without which the training is refused; LightGBM fits on the "
        "processor always",
    )
    engine: Literal["local", "dask"] = Field(
        default="local",
        description="Where boosters are fitted: in the process of the stage, or by the workers of the Dask scheduler that "
        "PERENNIAL_DASK_ADDRESS names",
    )
    workers_per_fit: int = Field(
        default=1,
        ge=1,
        description="Dask workers that share one fit. 1: each fit runs whole on one, and gives the files of a local one; more: "
        "each holds a part of the rows, and the files are others",
    )
    metric: str | None = Field(
        default=None,
        description="What decides who is better; empty: the first that stands at the task of the labels",
        json_schema_extra=_tell_metrics,
    )
    seed: int = Field(default=7, description="Every random choice takes it")
    max_feature_auc: FeatureAuc = Field(
        default=0.80,
        description="A single feature that ranks better alone, by more than chance, is a leak: a first champion waits for "
        "a person, later fits are refused",
    )
    max_jump: float = Field(
        default=0.10,
        gt=0,
        lt=0.5,
        description="A newly matured as_of rests when the AUC of a single feature lies so far above that feature's own history",
    )
    acknowledged_auc: dict[ColumnName, FeatureAuc] = Field(
        default_factory=dict,
        description="AUC up to which a person has found a feature honest; it is still named at every training",
    )
    recency: ColumnName | None = Field(
        default=None, description="Feature of the single-feature rule; without it, the one that ranks best alone"
    )
    exclude: tuple[ColumnName, ...] = Field(
        default=(),
        strict=False,
        description="Features that the snapshot keeps and nothing learns from; their drift is reported and asks for nothing",
    )
    monotone: dict[ColumnName, Direction] = Field(
        default_factory=dict, description="How the score must move as the feature grows, all else equal"
    )

    @model_validator(mode="after")
    def _rules_nothing_about_what_it_excludes(self) -> Training:
        for key, names in self.named_features.items():
            both = sorted(set(names) & set(self.exclude)) if key != "exclude" else []
            if both:
                raise ValueError(f"training.exclude and training.{key} both name {', '.join(both)}: take it out of one of them")
        return self

    @model_validator(mode="after")
    def _shares_fits_among_workers_that_it_has(self) -> Training:
        if self.workers_per_fit > 1 and self.engine == "local":
            raise ValueError(
                f'training.workers_per_fit = {self.workers_per_fit}, but training.engine = "local" has no workers: write '
                'engine = "dask", or take workers_per_fit out'
            )
        return self

    @model_validator(mode="after")
    def _workers_fit_on_processors_and_on_all_rows(self) -> Training:
        wanted = {"device": self.device == "cuda", "max_rows": self.max_rows is not None}
        for key, is_wanted in wanted.items():
            if self.engine == "dask" and is_wanted:
                raise ValueError(
                    f'training.engine = "dask" does not go with training.{key}: workers fit on processors and read every row. '
                    f'Leave {key} out, or write engine = "local"'
                )
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
        """What a person has ruled about inputs and fits, in words: part of what a version was made by. Empty without a ruling.

        An engine whose fits are those of a local one is none.
        """
        directions = ", ".join(f"{name} {direction}" for name, direction in sorted(self.monotone.items()))
        drawn = "" if self.max_rows is None else f"{self.max_rows}, drawn by seed {self.seed}"
        engine = f"dask, {self.workers_per_fit} workers a fit" if self.workers_per_fit > 1 else ""
        excluded = ", ".join(sorted(self.exclude))
        device = "" if self.device == "cpu" else self.device  # which grows other trees
        stated = {"monotone": directions, "exclude": excluded, "max_rows": drawn, "engine": engine, "device": device}
        return {key: text for key, text in stated.items() if text}
