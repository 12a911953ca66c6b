"""Every error that Perennial raises. The class names the situation; the message says what was found and what to do.

`PermanentError` fails a task without a retry: the same input gives the same failure.
Anything else (a lost connection, a registry that restarts) may be retried.
"""


class PerennialError(Exception):
    """Root of all errors raised here; `str()` is a sentence for people."""


class PermanentError(PerennialError):
    """Trying again without a change gives the same result."""


class Refused(PermanentError):
    """A gate said no: nothing is broken, and nothing was changed."""


class NothingToDo(Refused):
    """The stage has no work this time: a skip, not a failure."""


class UnavailableError(PerennialError):
    """A service does not answer; trying again later may work."""


# Configuration
class ConfigError(PermanentError):
    """A model file, a suite, an SQL file or a setting is missing or wrong."""


class ExtraMissing(ConfigError):
    """A command wants an extra of the package that is not installed."""


class NoHome(ConfigError):
    """There is no folder with models/, sql/ and expectations/ where one was looked for."""


class UnknownModel(ConfigError):
    """There is no `models/<name>.toml` for this name."""


class AmbiguousAsOf(PermanentError):
    """A run was given no as_of, or two that differ."""


# Time
class TooEarly(Refused):
    """The run's clock is before start(as_of) + settle: facts of the day may still be missing."""


class HistoryTooShort(Refused):
    """A window reaches before the first recorded fact, or too few as_ofs have matured."""


class LabelsIncomplete(Refused):
    """The source may not have delivered the whole label period yet."""


# Data
class EmptySource(PermanentError):
    """A source table holds no fact for the as_of."""


class ColumnContractBroken(PermanentError):
    """A feature column was dropped or changed its type."""


class GrainViolated(PermanentError):
    """A query returned an entity twice, a null entity, or an entity outside the cohort."""


class ForbiddenSource(PermanentError):
    """A query reads a table that the model file does not declare, or reaches around the point-in-time views."""


class ValidationFailed(PermanentError):
    """A Great Expectations suite failed; the day stops and yesterday's scores stay."""


class SnapshotMissing(PermanentError):
    """No valid snapshot exists for this as_of."""


class SnapshotStale(Refused):
    """The snapshot is older than the model's freshness limit."""


# Training and comparison
class NothingToTrain(NothingToDo):
    """Too few as_ofs have matured, or the same training exists already."""


class NotAsked(NothingToDo):
    """No retraining is due on this day."""


class NotPromoted(NothingToDo):
    """The verdict leaves the champion where it is."""


class OneClassLabels(PermanentError):
    """All labels are equal: there is nothing to learn or to compare."""


class LeakSuspected(PermanentError):
    """A feature knows the answer: alone it ranks better than any honest feature could."""


class MisalignedScores(PermanentError):
    """Champion, challenger and labels do not cover the same rows."""


class RowsSeenInTraining(PermanentError):
    """A row of the comparison lies within the embargo of a training as_of of one of the two."""


class MetricNotFinite(PermanentError):
    """A metric came out as NaN or infinite; NaN compares false with everything, so it would decide in silence."""


# Model files and registry
class ArtifactCorrupt(PermanentError):
    """A model file does not match its manifest, does not load, or does not reproduce its golden rows."""


class SchemaMismatch(PermanentError):
    """The frame to score lacks a column of the model's contract, or carries it with another type."""


class VersionMissing(PermanentError):
    """The registry has no such version, or the ledger does not know it."""


class RegistryUnavailable(UnavailableError):
    """MLflow does not answer."""


class NoChampionYet(NothingToDo):
    """No version has been promoted; training is asked for once enough as_ofs have matured."""


class ChampionTooNew(Refused):
    """A backfill would score a day with a champion trained after it."""


# Publishing and promotion
class PublicationBlocked(PermanentError):
    """A check on the new scores failed; the former publication stays live."""


class Superseded(Refused):
    """Another attempt took over this publication; this one wrote nothing."""


class PromotionRefused(Refused):
    """The ledger holds no verdict that allows this promotion."""


class NothingToRollBackTo(Refused):
    """There is no former champion."""


# Stores and the embedded stack
class MigrationConflict(PermanentError):
    """An applied migration was changed, or the ledger is newer than this program."""


class WarehouseUnavailable(UnavailableError):
    """PostgreSQL does not answer."""


class WarehouseBusy(UnavailableError):
    """Somebody else has held a lock for too long."""


class MailRefused(PermanentError):
    """A notice cannot be written as mail, or the SMTP server refuses it; it waits and holds up no other."""


class MailUnavailable(UnavailableError):
    """The SMTP server does not answer, or refuses the login; the outbox keeps all mail."""


class StackError(PerennialError):
    """The embedded stack cannot start or stop: a port is taken, a server died, a file is stale."""
