"""Every error that Perennial raises. The class names the situation; the message says what was found and what to do.
A docstring is the situation in one sentence, then what people do about it: docs/reference/errors.md is made from both.
"""

from perennial.errors.kinds import NothingToDo as NothingToDo
from perennial.errors.kinds import PerennialError as PerennialError
from perennial.errors.kinds import PermanentError as PermanentError
from perennial.errors.kinds import Refused as Refused
from perennial.errors.kinds import UnavailableError as UnavailableError


class ConfigError(PermanentError):
    """A model file, a suite, an SQL file or a setting is missing or wrong.
    To do: correct the file or variable that the message names; `perennial keys` explains every key of a model file.
    """


class ExtraMissing(ConfigError):
    """A command wants an extra of the package that is not installed.
    To do: run the `pip install` of the message; in a clone of the repository `make setup` installs all of them.
    """


class NoHome(ConfigError):
    """There is no folder with models/, sql/ and expectations/ where one was looked for.
    To do: change into a home, name one in PERENNIAL_HOME, or make one with `perennial init DIR`.
    """


class WouldOverwrite(Refused):
    """What `perennial init`, `upgrade`, `backup`, `restore` or `export` would write is there already.
    To do: name another folder, or an empty installation; after an upgrade, take over what you want of the `.new` files.
    """


class UnknownModel(ConfigError):
    """There is no `models/<name>.toml` for this name.
    To do: write the name as `perennial models` lists it.
    """


class AmbiguousAsOf(PermanentError):
    """A run was given no as_of, two that differ, or a day that is none of the model's as_ofs (`schedule.every`).
    To do: give one as_of, written as YYYY-MM-DD: a DAG takes it as partition key or as parameter. The message names the nearest.
    """


class TooEarly(Refused):
    """The run's clock is before start(as_of) + settle: facts of the day may still be missing.
    To do: run it again after that instant; for a day of the past add `--simulate`.
    """


class HistoryTooShort(Refused):
    """A window reaches before the first recorded fact, or too few as_ofs have matured.
    To do: wait for more weeks, load older history (with known_from), or shorten lookback_days or min_as_ofs.
    """


class LabelsIncomplete(Refused):
    """The source may not have delivered the whole label period yet.
    To do: load what is missing of that source; the day is taken up by the next training.
    """


class EmptySource(PermanentError):
    """A source table holds no fact for the as_of.
    To do: load the table; if its history was loaded in bulk, give known_from in the model file.
    """


class FactsIncomplete(PermanentError):
    """Too many facts of a source lack a time or a part of their key, so that nobody can say to which day they belong.
    To do: fill the column that the message names; `ledger.quarantine` holds the facts.
    """


class ColumnContractBroken(PermanentError):
    """A feature column was dropped or changed its type, or the key of the entities did.
    To do: give the column again with its former type (null will do), or a new name, or begin a new model.
    """


class GrainViolated(PermanentError):
    """A query returned an entity twice, a null entity, or an entity outside the cohort.
    To do: correct the query: one row per entity; labels.sql begins with `from cohort left join ...`.
    """


class ForbiddenSource(PermanentError):
    """A query reads a table that the model file does not declare, or reaches around the point-in-time views.
    To do: declare the table under [sources] and name it without a schema; ask for no other time than :as_of.
    """


class ValidationFailed(PermanentError):
    """A Great Expectations suite failed; the day stops and yesterday's scores stay.
    To do: read the failed rules in the mail; repair the source, or the suite if it is wrong; clear the run.
    """


class SnapshotMissing(PermanentError):
    """No valid snapshot exists for this as_of.
    To do: run refresh and validate for that day, or `perennial backfill` for several.
    """


class SnapshotStale(Refused):
    """The snapshot is older than the model's freshness limit.
    To do: refresh and score a newer as_of; this one stays unscored.
    """


class AcceptanceRefused(Refused):
    """A person wants to accept a level of a day that was not stopped for it.
    To do: name the day and the check (`rows` or `shift`) that the message of the stopped day names.
    """


class AdmissionRefused(Refused):
    """A person wants to admit or reject an as_of about which nothing can be said yet.
    To do: name an as_of that trains and has a snapshot, and to admit it, labels.
    """


class NothingToTrain(NothingToDo):
    """Too few as_ofs have matured, or the same training exists already.
    To do: nothing; the next training comes when another as_of has matured.
    """


class NotAsked(NothingToDo):
    """No retraining is due on this day.
    To do: nothing; `perennial train MODEL --as-of DAY` trains without being asked.
    """


class NotPromoted(NothingToDo):
    """The verdict leaves the champion where it is.
    To do: nothing; the mail and the model's page in Airflow show the evidence behind the verdict.
    """


class OneClassLabels(PermanentError):
    """All labels are equal: there is nothing to learn or to compare.
    To do: check labels.sql; if the outcome is that rare, train on more or older snapshots.
    """


class LeakSuspected(PermanentError):
    """A feature knows the answer: alone it ranks better than any honest feature could, and what serves goes on.
    To do: look at its SQL; correct it, or acknowledge an honest feature under [training.acknowledged_auc].
    """


class MisalignedScores(PermanentError):
    """Champion, challenger and labels do not cover the same rows.
    To do: build the snapshots and labels that the message names again with `perennial backfill`.
    """


class RowsSeenInTraining(PermanentError):
    """A row of the comparison lies within the embargo of a training as_of of one of the two.
    To do: report it with the message: the plan of a training and of a comparison should rule it out.
    """


class MetricNotFinite(PermanentError):
    """A metric came out as NaN or infinite; NaN compares false with everything, so it would decide in silence.
    To do: look for NaN among the scores and features that the message names; nothing was promoted.
    """


class ArtifactCorrupt(PermanentError):
    """A model file does not match its manifest, does not load, or does not reproduce its golden rows.
    To do: restore the files in MLflow from a backup, or put the former champion back with `perennial rollback`.
    """


class SchemaMismatch(PermanentError):
    """The frame to score lacks a column of the model's contract, or carries it with another type.
    To do: correct features.sql so that it gives the columns and types that the champion was trained with.
    """


class VersionMissing(PermanentError):
    """MLflow lacks a version, its files or its experiment, or has another run under its number; or the ledger does not know it.
    To do: as the message says, restore in MLflow what was deleted, or put a former champion back with `perennial rollback`.
    """


class ExportRefused(Refused):
    """A version or its snapshots cannot be given to another system so that they mean the same there; nothing was written.
    To do: read what differs or is missing; `perennial export MODEL --format native` gives any version as it is.
    """


class RegistryUnavailable(UnavailableError):
    """MLflow does not answer.
    To do: start MLflow (`perennial up`, or your own) or correct PERENNIAL_MLFLOW_URI; run the command again.
    """


class NoChampionYet(NothingToDo):
    """No version has been promoted; a training is asked for once the first labels have matured, and the message says when.
    To do: wait for the first training, or make the champion now with `perennial bootstrap MODEL --as-of DAY`.
    """


class ChampionTooNew(Refused):
    """A backfill would score a day with a champion trained after it.
    To do: nothing; the scores of that day stay as they are.
    """


class PublicationBlocked(PermanentError):
    """A check on the new scores failed; the former publication stays live.
    To do: find the cause in the message and the mail, or accept the level that it names, then run `perennial score MODEL` again.
    """

    mean_score: float | None = None


class Superseded(Refused):
    """Another attempt took over this publication; this one wrote nothing.
    To do: nothing; the later attempt publishes the day.
    """


class PromotionRefused(Refused):
    """The ledger holds no verdict that allows this promotion, or no recipe that could act on a share as a canary.
    To do: train and compare first; a person may overrule with `perennial promote MODEL VERSION --force --reason ...`.
    """


class NothingToRollBackTo(Refused):
    """There is no former champion.
    To do: look at `perennial history MODEL` for the versions that were champion.
    """


class MigrationConflict(PermanentError):
    """An applied migration was changed, or the ledger is newer than this program.
    To do: run `perennial migrate`, update the program, or put the changed file back, as the message says.
    """


class WarehouseUnavailable(UnavailableError):
    """PostgreSQL does not answer, or has no room left.
    To do: start PostgreSQL (`perennial up`, or your own), make room or correct the address; the stage runs again as a whole.
    """


class WarehouseBusy(UnavailableError):
    """Somebody else has held a lock for too long.
    To do: try again once the other attempt has ended; `analytics.run_log` names it.
    """


class WorkersUnavailable(UnavailableError):
    """The Dask scheduler does not answer, has too few workers, or lost one that a fit could not do without.
    To do: start the scheduler and its workers (`perennial doctor` names them), or correct the address; the stage runs again.
    """


class MailRefused(PermanentError):
    """A notice cannot be written as mail, or the SMTP server refuses it; it waits and holds up no other.
    To do: correct the owner in the model file, or the sender; `perennial mail` sends what waits.
    """


class MailUnavailable(UnavailableError):
    """The SMTP server does not answer, or refuses the login; the outbox keeps all mail.
    To do: correct PERENNIAL_SMTP_* or the connection smtp_default; `perennial mail` sends what waits.
    """


class StackError(PerennialError):
    """The embedded stack cannot start or stop: a port is taken, a server died, a file is stale.
    To do: read the log that the message names; free the port, or run `perennial down` and `perennial up`.
    """
