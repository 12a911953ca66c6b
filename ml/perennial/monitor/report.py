"""A page for people who want to look closer: Evidently's drift report of a sample. Our own effect sizes decide."""

from __future__ import annotations

import warnings

import pandas as pd

from perennial.config import Model

MOST_ROWS = 10_000  # of each side: 100k x 30 take Evidently 25 s, and the pictures look the same

# Everything the page needs stands in it; a browser is told to fetch nothing else, whatever its libraries might try.
POLICY = (
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' "
    "blob:; style-src 'unsafe-inline'; img-src data: blob:; font-src data:; worker-src blob:\">"
)


def render_report(reference: pd.DataFrame, current: pd.DataFrame, model: Model) -> str:
    """The drift of every column of the reference that the model may read, as one HTML page that loads nothing from elsewhere.

    Excluded features are left out: a picture takes a hundred times as long as the check, which measures them too.
    The sample is drawn with the model's seed, and the limits are the model's, so that the page and the check agree.
    A column without a single value on one side has no distribution to draw and is left out; the check counts it.
    """
    columns = [
        name
        for name in reference.columns
        if name in current.columns
        and name not in model.training.exclude
        and reference[name].notna().any()
        and current[name].notna().any()
    ]
    sides = (_sample(side[columns], seed=model.training.seed) for side in (reference, current))
    page = _run_evidently(*sides, model=model)
    return page.replace("<head>", f"<head>\n{POLICY}", 1)


def _sample(rows: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    return rows.sample(n=min(len(rows), MOST_ROWS), random_state=seed).reset_index(drop=True)


def _run_evidently(reference: pd.DataFrame, current: pd.DataFrame, *, model: Model) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its imports use what numpy and litestar have deprecated; nobody here can act on it
        from evidently import DataDefinition, Dataset, Report  # type: ignore[import-untyped] # noqa: PLC0415 - untyped; four seconds for this page
        from evidently.presets import DataDriftPreset  # type: ignore[import-untyped] # noqa: PLC0415 - likewise

        limits = model.monitoring
        numbers = [name for name in reference.columns if pd.api.types.is_numeric_dtype(reference[name])]
        categories = [name for name in reference.columns if name not in numbers]
        definition = DataDefinition(numerical_columns=numbers, categorical_columns=categories)
        sides = [
            Dataset.from_pandas(side.astype(dict.fromkeys(numbers, "float64")), data_definition=definition)
            for side in (current, reference)
        ]
        preset = DataDriftPreset(method="psi", threshold=limits.feature_psi, drift_share=limits.drifted_share)
        return str(Report([preset]).run(*sides).get_html_str(as_iframe=False))
