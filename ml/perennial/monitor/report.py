"""A page for people who want to look closer: Evidently's drift report of a sample. Our own effect sizes decide."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import pandas as pd

from perennial.config import Model
from perennial.records.pages import escape_data

MOST_ROWS = 10_000  # of each side: 100k x 30 take Evidently 25 s, and the pictures look the same
PAGE_COLUMNS = 8  # a picture costs .2 s and 30 kB
MOST_VALUES = 50  # of a category, and one for all others: an id in thousands of values takes minutes and megabytes
OTHERS = "(others)"
SCORE = "score of the champion"  # no column of a table: names have no spaces

# Everything the page needs stands in it; a browser is told to fetch nothing else, whatever its libraries might try.
POLICY = (
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' "
    "blob:; style-src 'unsafe-inline'; img-src data: blob:; font-src data:; worker-src blob:\">"
)


def render_report(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    *,
    scores: tuple[pd.Series, pd.Series],
    limits: Mapping[str, float | None],
    model: Model,
) -> str:
    """The drift of the scores and of some columns, as one HTML page that loads nothing from elsewhere.

    The sample is drawn with the model's seed, and the limits are the check's, so that the page and the check agree.
    A column without a single value on one side has no distribution to draw and is left out; the check counts it.

    Args:
        scores: of rows that the fits had not seen, and of the current ones.
        limits: what is drawn, in this order, each with the index beyond which it has drifted; None: the model's.
    """
    sides = [
        _sample(side, published, seed=model.training.seed) for side, published in zip((reference, current), scores, strict=True)
    ]
    drawn = {
        name: model.monitoring.feature_psi if limit is None else limit
        for name, limit in limits.items()
        if all(side[name].notna().any() for side in sides)
    }
    page = _run_evidently(*_pool_rare(sides[0][list(drawn)], sides[1][list(drawn)]), drawn)
    return escape_data(page).replace("<head>", f"<head>\n{POLICY}", 1)


def _sample(rows: pd.DataFrame, scores: pd.Series, *, seed: int) -> pd.DataFrame:
    """Each column is drawn by itself: scores of other rows stand beside these, and the shorter side ends in missing values."""
    some = rows.sample(n=min(len(rows), MOST_ROWS), random_state=seed).reset_index(drop=True)
    scored = scores.sample(n=min(len(scores), MOST_ROWS), random_state=seed).reset_index(drop=True)
    return pd.concat([some, scored.rename(SCORE)], axis="columns")


def _pool_rare(reference: pd.DataFrame, current: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Columns of texts with the values that most rows of both sides hold; of more, one value stands for the rest."""
    for name in [str(name) for name in reference if not pd.api.types.is_numeric_dtype(reference[name])]:
        before, after = (side[name].astype("object") for side in (reference, current))
        counts = pd.concat([before, after]).value_counts()
        if len(counts) > MOST_VALUES:
            kept = [*counts.index[:MOST_VALUES]]
            reference, current = (
                side.assign(**{name: texts.where(texts.isin(kept) | texts.isna(), OTHERS)})
                for side, texts in ((reference, before), (current, after))
            )
    return reference, current


def _run_evidently(reference: pd.DataFrame, current: pd.DataFrame, limits: Mapping[str, float]) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its imports use what numpy and litestar have deprecated; nobody here can act on it
        from evidently import DataDefinition, Dataset, Report  # type: ignore[import-untyped] # noqa: PLC0415 - untyped; four seconds for this page
        from evidently.metrics import ValueDrift  # type: ignore[import-untyped] # noqa: PLC0415 - likewise

        numbers = [name for name in limits if pd.api.types.is_numeric_dtype(reference[name])]
        categories = [name for name in limits if name not in numbers]
        definition = DataDefinition(numerical_columns=numbers, categorical_columns=categories)
        sides = [
            Dataset.from_pandas(side.astype(dict.fromkeys(numbers, "float64")), data_definition=definition)
            for side in (current, reference)
        ]
        drawn = [ValueDrift(column=name, method="psi", threshold=limit) for name, limit in limits.items()]
        return str(Report(drawn).run(*sides).get_html_str(as_iframe=False))
