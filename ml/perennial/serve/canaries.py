"""Which canary answers for whom, and the notes of what came of it: a thread asks and tells the ledger every few seconds.

A canary answers only while everything around it holds: the ledger names it, the champion that answers is the one that it is
compared with, its version has passed its golden rows here, what it does can be written down, and nothing that this process has
counted speaks of harm. Else the champion answers everybody, which /ready says. A server without `[serving] canary` in a model
file asks and writes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from threading import Event, Thread

from perennial.config import read_band
from perennial.errors import PerennialError
from perennial.records import Version
from perennial.records.canaries import find_place
from perennial.records.requests import find_harm
from perennial.serve.champions import MOST_PASSED_OVER, Champions, Loader
from perennial.serve.counts import ArmKey, Counts, Sums, Totals, make_batches
from perennial.serve.options import ServeOptions
from perennial.serve.published import read_model
from perennial.serve.versions import LoadedVersion, describe, load
from perennial.serve.wall import read_wall
from perennial.stores.recording import BatchRefused, open_recording, record_requests
from perennial.stores.serving import ServedCanary, read_canaries
from perennial.stores.sessions import Database

log = logging.getLogger(__name__)

FAREWELL_SECONDS = 5  # in which the thread ends, unless it loads a version
NO_RECORDER = (
    "PERENNIAL_RECORDER_URL is not set: give the warehouse as role recorder, by which it is counted what came of requests; "
    "`perennial migrate` gives the role its one right."
)


@dataclass(frozen=True, eq=False)
class LoadedCanary:
    """A canary whose version is loaded, with the share that the model file gives it."""

    canary: ServedCanary
    share: float
    loaded: LoadedVersion

    def has(self, entity: str) -> bool:
        """Is this entity in it? As `ledger.place_entity` says it, and as published scores go by."""
        return find_place(entity, self.canary.salt) < self.share


@dataclass(frozen=True)
class Trial:
    """The canary of one model as it stands.

    Attributes:
        wanted: its number, while the ledger names one; None: nobody is in a canary.
        answering: who answers; None while something stands in the way.
        trouble: what does, in a sentence.
        failures: how often its version was loaded in vain.
        is_harmful: it answers nobody here any more; the pipeline ends it for everybody.
    """

    wanted: int | None = None
    answering: LoadedCanary | None = None
    trouble: str = ""
    failures: int = 0
    is_harmful: bool = False


NONE = Trial()


class Canaries:
    """The state that requests read and one thread writes, and the counts that they leave."""

    def __init__(self, options: ServeOptions, database: Database, champions: Champions, loader: Loader | None = None) -> None:
        self.shares = options.canaries
        self.counts = Counts()
        self._totals = Totals()
        self.lost_rows = 0
        """Rows whose counts PostgreSQL takes at no time, or that were left when the server ended."""
        self._options = options
        self._database = database
        self._recording = open_recording(options.recorder_url) if self.shares and options.recorder_url else None
        self._champions = champions
        self._load = loader or (lambda version: load(version, options.mlflow_uri, options.artifacts))
        self._trials: dict[str, Trial] = dict.fromkeys(self.shares, NONE)
        self._passed_over: dict[str, int] = {}
        self._unread = self._unwritten = ""
        self._stop = Event()
        self._thread: Thread | None = None

    def start(self) -> None:
        """Begin to ask, where a model file gives a canary a share."""
        if self.shares:
            self._thread = Thread(target=self._run, name="canaries", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Ask no more, and write down what is left."""
        self._stop.set()
        if self._thread is None:
            return
        self._thread.join(FAREWELL_SECONDS)
        if self._recording is not None:
            self._unwritten = self._write_down()
            self._lose(self.counts.take(), "the server ended, and PostgreSQL did not answer")
            self._recording.dispose()

    def describe(self, model: str) -> Trial:
        """How the canary of a model stands now."""
        return self._trials.get(model, NONE)

    def find(self, model: str) -> LoadedCanary | None:
        """Who answers for the entities of the canary; None: the champion answers everybody."""
        answering = self._trials.get(model, NONE).answering
        if answering is None or self.silence:
            return None
        champion = self._champions[model].champion
        is_compared = champion is not None and champion.version.recipe == answering.canary.champion_recipe
        return answering if is_compared else None

    def explain(self, model: str) -> str:
        """What stands in the way of the canary that the ledger names, or of its newest fit; empty where nothing does."""
        trial = self.describe(model)
        if trial.wanted is None or trial.trouble or self.find(model) is not None:
            return trial.trouble
        return self.silence or (
            "It is loading." if trial.answering is None else "The champion that it is compared with does not answer."
        )

    @property
    def silence(self) -> str:
        """Why nobody knows whether a canary is in force, or could note what it does; empty while PostgreSQL answers."""
        return self._unwritten or self._unread or self._champions.silence

    def _run(self) -> None:
        while not self._stop.is_set():
            self.poll()
            self._stop.wait(self._options.poll_seconds)

    def poll(self) -> None:
        """Write down what was counted, ask the ledger once, and load what is wanted."""
        former = self.silence
        self._unwritten = self._write_down()
        self._unread = self._read()
        self._tell(former)

    def _read(self) -> str:
        """Follow the ledger; why nobody could, or empty."""
        try:
            found = read_canaries(self._database, tuple(self.shares))
            for model in self.shares:
                self._look_for_harm(model)
                self._follow(model, found.get(model))
        except PerennialError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - an answer that nobody understands is none; the next may be one
            return f"{type(error).__name__} while the ledger was asked for canaries."
        return ""

    def _look_for_harm(self, model: str) -> None:
        """As the pipeline does every day with the requests of all servers."""
        trial = self._trials[model]
        if trial.wanted is None or trial.is_harmful:
            return
        shift = read_model(self._options.home, model).scoring.publish_max_shift
        harm = find_harm(self._totals.list_arms(model, trial.wanted), max_shift=read_band(shift))
        if harm:
            said = f"Requests: {harm}. It answers nobody here any more; the next day that is scored or monitored ends it."
            log.error("%s: canary %d does harm. %s", model, trial.wanted, said)
            self._trials[model] = Trial(trial.wanted, trouble=said, is_harmful=True)

    def _follow(self, model: str, wanted: ServedCanary | None) -> None:
        trial = self._trials[model]
        today = read_wall().astimezone(read_model(self._options.home, model).zone).date()
        if wanted is None or wanted.started_for > today:
            if trial.wanted is not None:
                log.info("%s: no canary any more, the champion answers everybody", model)
            self._trials[model] = NONE
            return
        if self._recording is None:
            self._fail(model, replace(trial, wanted=wanted.canary_id), NO_RECORDER)
            return
        is_harmful = trial.is_harmful and trial.wanted == wanted.canary_id
        if is_harmful or (trial.answering is not None and _is_same(trial.answering.canary, wanted)):
            return
        if trial.wanted != wanted.canary_id:
            trial, self._passed_over[model] = Trial(wanted.canary_id), 0
        if self._passed_over.get(model, 0) > 0:
            self._passed_over[model] -= 1
            return
        self._take_over(model, wanted, trial)

    def _take_over(self, model: str, wanted: ServedCanary, trial: Trial) -> None:
        try:
            loaded = self._load(wanted.version)
        except PerennialError as error:
            self._fail(model, trial, f"Version {wanted.version.version} does not answer. {error}")
        except Exception as error:  # noqa: BLE001 - whatever a library does with strange files, the champion goes on
            self._fail(model, trial, f"{type(error).__name__} while version {wanted.version.version} was loaded.")
        else:
            self._trials[model] = Trial(wanted.canary_id, LoadedCanary(wanted, self.shares[model], loaded))
            said = (wanted.canary_id, wanted.version.version, wanted.version.recipe, self.shares[model])
            log.info("%s: canary %d is version %d (recipe %d), for %.3g of the entities", model, *said)

    def _fail(self, model: str, trial: Trial, because: str) -> None:
        """A former fit of the recipe goes on, as a former champion does."""
        if because != trial.trouble:
            log.error("%s: %s", model, because)
        self._trials[model] = replace(trial, trouble=because, failures=trial.failures + 1)
        self._passed_over[model] = min(2**trial.failures - 1, MOST_PASSED_OVER)

    def _write_down(self) -> str:
        """Note what was counted since; why nobody could, or empty. What could not be written is added to what comes."""
        taken = self.counts.take()
        if self._recording is None or not taken:
            return ""
        try:
            record_requests(self._recording, make_batches(taken.items(), read_wall()))
        except PerennialError as error:
            for key, sums in taken.items():
                self.counts.add(key, sums)
            return f"What came of requests cannot be written down. {error}"
        except BatchRefused as refused:
            self._lose(taken, str(refused))
        self._totals.add(taken)
        return ""

    def _lose(self, taken: Mapping[ArmKey, Sums], because: str) -> None:
        rows = sum(sums.rows for sums in taken.values())
        if rows:
            self.lost_rows += rows
            log.error("what came of %d rows is lost: %s", rows, because)

    def _tell(self, former: str) -> None:
        if (now := self.silence) != former:
            log.warning("no canary answers: %s", now) if now else log.info("canaries may answer again")


def describe_canary(canary: LoadedCanary) -> Mapping[str, object]:
    """What a caller may know of it: not the salt."""
    return {"share": canary.share, **describe(canary.loaded)}


def _is_same(loaded: ServedCanary, wanted: ServedCanary) -> bool:
    return _name(loaded.version) == _name(wanted.version) and (loaded.canary_id, loaded.salt) == (wanted.canary_id, wanted.salt)


def _name(version: Version) -> tuple[object, ...]:
    return version.version, version.mlflow_run_id, version.manifest
