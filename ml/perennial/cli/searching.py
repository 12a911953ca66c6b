"""What somebody who waits in a shell for a training sees of its search, on stderr: stdout is for results."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

from perennial import local

if TYPE_CHECKING:
    from perennial.pipeline import Stores

LOOK_SECONDS = 1.0


@contextmanager
def show_search(stores: Stores, model: str) -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """Say how many trials are done, while something may train; results in between are shown inside what it gives."""
    progress, over, quiet = local.Progress(sys.stderr), Event(), Lock()
    watcher = Thread(target=_watch, args=(stores, model, progress, over, quiet), daemon=True)
    watcher.start()

    @contextmanager
    def speak() -> Iterator[None]:
        with quiet:
            progress.clear()
            yield

    try:
        yield speak
    finally:
        over.set()
        watcher.join()
        progress.clear()


def _watch(stores: Stores, model: str, progress: local.Progress, over: Event, quiet: Lock) -> None:
    from perennial import pipeline  # noqa: PLC0415 - imports every heavy library; `perennial --help` must not

    watch = pipeline.SearchWatch(stores, model)
    while True:
        seen = watch.look()
        with quiet:
            if seen is not None:
                progress.show(f"train {model}: {seen.sentence}")
        if over.wait(LOOK_SECONDS):
            return
