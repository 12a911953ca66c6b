"""Who answers, and how one takes over: the ledger is asked every few seconds, in a thread of its own.

The one that answers goes on until the next has passed its golden rows. One that does not pass never answers; the ledger goes on
naming it, so that it is tried again, less and less often, and meanwhile said in the log, in /ready and in the metrics.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from threading import Event, Thread

from perennial.errors import ConfigError, PerennialError
from perennial.records import Version
from perennial.serve.options import ServeOptions
from perennial.serve.tokens import Token, TokenFile
from perennial.serve.versions import LoadedVersion, load
from perennial.stores.serving import may_write, read_champions
from perennial.stores.sessions import Database

log = logging.getLogger(__name__)

MOST_PASSED_OVER = 60  # polls between two attempts at a version that did not load: five minutes by default
Loader = Callable[[Version], LoadedVersion]


@dataclass(frozen=True)
class Serving:
    """What one model answers with now.

    Attributes:
        champion: None until one was loaded.
        wanted: the version that the ledger names, while another answers, or nobody.
        trouble: why that one does not answer, in a sentence; empty while it loads.
        failures: how often it was tried in vain.
    """

    champion: LoadedVersion | None = None
    wanted: int | None = None
    trouble: str = ""
    failures: int = 0

    @property
    def is_behind(self) -> bool:
        """Whether the ledger names another than the one that answers."""
        return self.wanted is not None


class Champions:
    """The state that requests read and one thread writes; what they read is replaced whole."""

    def __init__(self, options: ServeOptions, database: Database, loader: Loader | None = None) -> None:
        self.options = options
        self._database = database
        self._load = loader or (lambda version: load(version, options.mlflow_uri, options.artifacts))
        self._serving: dict[str, Serving] = {model: Serving() for model in options.models}
        self._passed_over: dict[str, int] = {}
        self._stop = Event()
        self._thread: Thread | None = None
        self.tokens: Mapping[str, Token] = {}
        """By their SHA-256."""
        self.tokens_trouble = ""
        self.silence = "The ledger was not asked yet."
        """Why nobody knows whether who answers is still champion; empty while the ledger answers."""

    def __getitem__(self, model: str) -> Serving:
        return self._serving[model]

    def __contains__(self, model: str) -> bool:
        return model in self._serving

    def items(self) -> list[tuple[str, Serving]]:
        """Every model that is served, with its state."""
        return list(self._serving.items())

    def start(self) -> None:
        """Begin to ask, at once."""
        self._thread = Thread(target=self._run, name="champions", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask no more; a version that is loading is left to itself."""
        self._stop.set()

    def _run(self) -> None:
        self._warn_of_rights()
        while not self._stop.is_set():
            self.poll()
            self._stop.wait(self.options.poll_seconds)

    def poll(self) -> None:
        """Ask once: the file of tokens, the ledger, and load what is wanted."""
        self._read_tokens()
        try:
            found = read_champions(self._database, self.options.models)
        except PerennialError as error:
            self._tell_silence(str(error))
            return
        except Exception as error:  # noqa: BLE001 - an answer that nobody understands is none; the next may be one
            self._tell_silence(f"{type(error).__name__} while the ledger was asked.")
            return
        self._tell_silence("")
        for model in self.options.models:
            self._follow(model, found.get(model))

    def _follow(self, model: str, wanted: Version | None) -> None:
        serving = self._serving[model]
        loaded = serving.champion.version if serving.champion else None
        if wanted is None or (loaded is not None and _is_same(loaded, wanted)):
            self._serving[model] = replace(serving, wanted=None, trouble="", failures=0)
            return
        if serving.wanted != wanted.version:
            serving = replace(serving, wanted=wanted.version, trouble="", failures=0)
            self._passed_over[model] = 0
        self._serving[model] = serving
        if self._passed_over[model] > 0:
            self._passed_over[model] -= 1
            return
        self._take_over(model, wanted, serving)

    def _take_over(self, model: str, wanted: Version, serving: Serving) -> None:
        try:
            champion = self._load(wanted)
        except PerennialError as error:
            self._fail(model, wanted, serving, str(error))
        except Exception as error:  # noqa: BLE001 - whatever a library does with strange files, the former champion goes on
            self._fail(model, wanted, serving, f"{type(error).__name__} while it was loaded")
        else:
            self._serving[model] = Serving(champion)
            log.info("%s: version %d (recipe %d) answers from now on", model, wanted.version, wanted.recipe)

    def _fail(self, model: str, wanted: Version, serving: Serving, because: str) -> None:
        former = f"version {serving.champion.version.version} goes on" if serving.champion else "nobody answers"
        if because != serving.trouble:
            log.error("%s: version %d does not answer, %s. %s", model, wanted.version, former, because)
        self._serving[model] = replace(serving, trouble=because, failures=serving.failures + 1)
        self._passed_over[model] = min(2**serving.failures - 1, MOST_PASSED_OVER)

    def _tell_silence(self, because: str) -> None:
        if because != self.silence and (because or self.silence):
            log.warning("the ledger is silent: %s", because) if because else log.info("the ledger answers")
        self.silence = because

    def _read_tokens(self) -> None:
        """A file that cannot be trusted any more lets nobody in, not even whom it let in before."""
        if self.options.tokens is None:
            return
        try:
            self.tokens = {token.sha256: token for token in TokenFile(self.options.tokens).read().values()}
            self.tokens_trouble = "" if self.tokens else "There is no token yet: make one with `perennial token new NAME`."
        except ConfigError as error:
            if str(error) != self.tokens_trouble:
                log.error("nobody is let in: %s", error)  # noqa: TRY400 - the sentence says it all
            self.tokens, self.tokens_trouble = {}, str(error)

    def _warn_of_rights(self) -> None:
        try:
            if may_write(self._database):
                log.warning("%s may do more than read views; role analyst is enough", self._database.describe())
        except Exception:  # noqa: BLE001 - the poll says it, in this thread, which must go on
            return


def _is_same(loaded: Version, wanted: Version) -> bool:
    return (loaded.version, loaded.mlflow_run_id, loaded.manifest) == (wanted.version, wanted.mlflow_run_id, wanted.manifest)
