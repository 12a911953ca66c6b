"""The table [retention] of a model file: for how long what nobody needs any more is kept."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from perennial.config.section import Section

LEAST_DAYS = 30
"""`ledger.purge_day` refuses less, and `ledger.purges` too, whatever a model file says."""
Kept = Annotated[
    Annotated[int, Field(ge=LEAST_DAYS)] | Literal["forever"],
    Field(json_schema_extra={"format": 'whole number, at least 30, or "forever"'}),
]


class Retention(Section):
    """Days from the newest clock that the model has lived; what is still needed stays whatever is said here."""

    snapshots_days: Kept = Field(
        default=1100, description="Features and labels of a day go after so long, but for those that something still needs"
    )
    scores_days: Kept = Field(
        default=1100, description="Published scores of a day go after so long; what came true of them stays"
    )
    quarantine_days: Kept = Field(
        default=400, description="Rejected rows, and the findings of validations that passed, go after so long"
    )
    mail_days: Kept = Field(default=400, description="The text of mails that were sent goes after so long; their headline stays")
    reports_days: Kept = Field(default=400, description="The page of a day's drift check goes after so long; its figures stay")
    requests_days: Kept = Field(
        default=400, description="What batches of requests came to, counts and sums, goes after so many days"
    )
    files_days: Kept = Field(
        default=1100, description="The files in MLflow of a version that nothing leads back to go after so long; its record stays"
    )
    runs_days: Kept = Field(
        default=1100, description="The run in MLflow of such a version goes after so long, once its files have gone"
    )
    studies_days: Kept = Field(default=400, description="The trials of a search that has ended go after so long")
    logs_days: Kept = Field(
        default=90, description="Logs that Airflow keeps of the model's tasks on the machine that purges go after so long"
    )
