"""The workers of a Dask scheduler: who they are, and work that is given to them.

Functions travel by their name, so that scheduler and workers need the same program; values travel as pickles between them, and
whoever reaches the scheduler can run what he likes on its workers. A secret never travels.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from perennial.errors import ConfigError, PerennialError, WorkersUnavailable

if TYPE_CHECKING:
    from distributed import Client, Future
    from distributed.security import Security

Given = TypeVar("Given")
Result = TypeVar("Result")
CONNECT_SECONDS = 10
LOOK_SECONDS = 1.0  # how often a wait looks whether there are workers still
TLS = "DASK_DISTRIBUTED__COMM__TLS__*"
SHARED_WORK = "perennial: fits that workers share"
WITHOUT_WORKERS_SECONDS = 60.0  # so long may a scheduler be without any: whoever restarts them does it sooner


@dataclass(frozen=True)
class Worker:
    """A worker process.

    Attributes:
        memory_bytes: its limit; None without one.
    """

    name: str
    address: str
    threads: int
    memory_bytes: int | None

    @property
    def host(self) -> str:
        """Under which the other workers reach it."""
        return self.address.rpartition("://")[2].rpartition(":")[0].strip("[]")


@contextmanager
def open_cluster(address: str) -> Iterator[Cluster]:
    """A session with the scheduler; work that is not finished when it ends is given up.

    Raises:
        WorkersUnavailable: nobody answers there.
        ConfigError: this process has no certificate for a `tls://` address, or may not speak in the clear.
    """
    from distributed import Client  # noqa: PLC0415 - an extra

    security = _read_security(address)
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False, security=security)
    except (OSError, ValueError) as error:
        reason = str(error) or type(error).__name__
        raise WorkersUnavailable(f"The Dask scheduler at {address} does not answer: {reason}.") from error
    try:
        yield Cluster(client, address)
    finally:
        client.close()


def _read_security(address: str) -> Security:
    """Certificates by Dask's own configuration; what they lack is said before a client tries, and waits for it, in vain."""
    from distributed.security import Security  # noqa: PLC0415 - an extra

    try:
        security = Security()
        given = security.get_connection_args("client")
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"The certificates for the Dask scheduler at {address} cannot be read: {error}. Correct {TLS}."
        ) from error
    if address.startswith("tls://") and given["ssl_context"] is None:
        raise ConfigError(
            f"The Dask scheduler at {address} is reached by certificates, and this process has none: set "
            "DASK_DISTRIBUTED__COMM__TLS__CA_FILE, __CLIENT__CERT and __CLIENT__KEY (documentation, 'Fits on other machines')."
        )
    if given["require_encryption"] and not address.startswith("tls://"):
        raise ConfigError(
            f"DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION is set, and the Dask scheduler's address is {address}: name it by tls://."
        )
    return security


class Cluster:
    """What a stage sees of a scheduler and its workers."""

    def __init__(self, client: Client, address: str) -> None:
        self._client, self._address = client, address

    @property
    def workers(self) -> tuple[Worker, ...]:
        """Those that are there now, by name, as the scheduler says: what the client remembers lags, or leaves some out."""
        with self._name_failures():
            found = self._client.sync(self._client.scheduler.identity, n_workers=-1)["workers"]
        workers = (
            Worker(str(each["name"]), address, each["nthreads"], each["memory_limit"] or None) for address, each in found.items()
        )
        return tuple(sorted(workers, key=lambda worker: (len(worker.name), worker.name)))

    def ask(self, question: Callable[[], Result]) -> Mapping[str, Result | BaseException]:
        """What every worker answers, by its address; an exception where it could not."""
        with self._name_failures():
            return dict(self._client.run(question, on_error="return"))

    def tell(self, worker: Worker, function: Callable[..., Result], *given: object) -> Result:
        """What a quick function gives on this worker, whatever else it is doing."""
        with self._name_failures():
            answers = self._client.run(function, *given, workers=[worker.address])
        return next(iter(answers.values()))  # type: ignore[no-any-return]  # Dask ships no types of it

    def together(self, function: Callable[[Given], Result], given: Sequence[Given], workers: Sequence[Worker]) -> list[Result]:
        """Results of work of which each worker does a part, all at the same time, and none without the others.

        Two such works would wait for each other's workers for ever: a scheduler lets in one after another.

        Raises:
            WorkersUnavailable: one of these workers, or the scheduler, was lost.
        """
        with self._name_failures(), self._let_in():
            near = [[worker.address] for worker in workers]
            futures = [self._submit(function, each, where, is_bound=True) for each, where in zip(given, near, strict=True)]
            try:
                while not all(future.done() for future in futures):
                    self._look(futures, workers)
                results: list[Result] = self._client.gather(futures)
            finally:
                self._give_up(futures)
            return results

    @contextmanager
    def _let_in(self) -> Iterator[None]:
        """A lease that is lost with the process which holds it, as a lock of Dask would not be."""
        from distributed import Semaphore  # noqa: PLC0415 - an extra

        with self._client.as_current(), Semaphore(max_leases=1, name=SHARED_WORK):
            yield

    def _look(self, futures: Sequence[Future], workers: Sequence[Worker]) -> None:
        """Wait for a moment; then raise what one of the parts raised, or that its worker was lost."""
        from distributed import TimeoutError as StillWorking  # noqa: PLC0415 - an extra
        from distributed import wait  # noqa: PLC0415 - as above

        with suppress(StillWorking):
            wait(futures, timeout=LOOK_SECONDS)
        for future in futures:
            if future.status == "error":
                future.result()
        there = {worker.address for worker in self.workers}
        lost = [worker.name for worker in workers if worker.address not in there]
        if lost:
            raise WorkersUnavailable(
                f"Worker {', '.join(lost)} of {self._address} was lost in a fit that several share. Nothing was changed; start "
                "it anew, and try again."
            )

    def map(self, function: Callable[[Given], Result], given: Sequence[Given]) -> Iterator[Result]:
        """Results in the order of what was given; as many are worked on at once as the workers have threads.

        The same place in `given` goes to the same worker again, while that has time. What a worker that died was working on,
        another one begins anew. Whoever stops listening saves the work that has not begun.

        Raises:
            WorkersUnavailable: the scheduler was lost, or has no workers any more, or the work ends each worker that takes it.
        """
        workers = self.workers
        self._refuse_none(workers)
        ahead: deque[Future] = deque()
        begun, room = 0, max(1, sum(worker.threads for worker in workers))
        try:
            while begun < len(given) or ahead:
                while begun < len(given) and len(ahead) < room:
                    near = [workers[begun % len(workers)].address]
                    ahead.append(self._submit(function, given[begun], near, is_bound=False))
                    begun += 1
                yield self._wait(ahead[0])
                ahead.popleft()
        finally:
            self._give_up(ahead)

    def _submit(self, function: Callable[[Given], Result], given: Given, near: list[str], *, is_bound: bool) -> Future:
        with self._name_failures():
            return self._client.submit(function, given, workers=near, allow_other_workers=not is_bound, pure=False)

    def _wait(self, future: Future) -> Any:
        from distributed import TimeoutError as StillWorking  # noqa: PLC0415 - an extra

        seen = time.monotonic()
        while True:
            with self._name_failures():
                with suppress(StillWorking):
                    return future.result(timeout=LOOK_SECONDS)
                workers = self.workers
            seen = time.monotonic() if workers else seen
            if time.monotonic() - seen > WITHOUT_WORKERS_SECONDS:
                self._refuse_none(workers)

    def _refuse_none(self, workers: Sequence[Worker]) -> None:
        if not workers:
            raise WorkersUnavailable(
                f"The Dask scheduler at {self._address} has no workers: start some, `dask worker {self._address}` "
                "(documentation, 'Fits on other machines')."
            )

    def _give_up(self, futures: Sequence[Future]) -> None:
        with suppress(Exception):  # the scheduler may be gone, which somebody else has said by now
            self._client.cancel(list(futures), force=True)

    @contextmanager
    def _name_failures(self) -> Iterator[None]:
        """Say in our words what happens to a session with the scheduler; what our own code raised on a worker stays."""
        from distributed import KilledWorker  # noqa: PLC0415 - an extra

        try:
            yield
        except PerennialError:
            raise
        except KilledWorker as error:
            raise WorkersUnavailable(
                f"Each worker of {self._address} that took up a fit died of it, lastly {error.last_worker.address}: look at its "
                "log; perhaps a fit needs more memory than its limit."
            ) from error
        except (CancelledError, OSError) as error:
            reason = str(error) or type(error).__name__
            raise WorkersUnavailable(f"The Dask scheduler at {self._address} was lost: {reason}.") from error
