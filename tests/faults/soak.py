"""Weeks of two models with a fault and bad data at every third step: what must hold is looked at after each, growth is measured.

A step is a week of one model. Its fault is drawn by a seed; then the week is lived again, as a scheduler would, and ends well.
"""

from __future__ import annotations

import os
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from multiprocessing.context import ForkServerContext
from pathlib import Path

from perennial import operate, pipeline
from perennial.config import Smtp
from perennial.errors import ChampionTooNew, UnavailableError
from perennial.pipeline.champion import CACHE
from perennial.records import Run
from perennial.stores import ledger
from perennial.stores.sessions import Database, run_script
from tests.faults.lived import find_broken
from tests.faults.place import Place, with_settings
from tests.faults.points import Point
from tests.faults.stages import WEEK, Attempt, live_week, start
from tests.integration.stage_process import TRY_AGAIN

MODELS = ("stay", "gone")
FIRST = date(2023, 4, 24)  # long enough ago: nothing is purged by a clock that is ahead of the wall
HISTORY = (date(2023, 3, 27), date(2023, 4, 17))
EVERY = 3  # steps
AN_HOUR = timedelta(hours=1)
MOST_CALLS = 1800  # of a week with a search; a point beyond the last call is none
NOBODY = "http://127.0.0.1:1"
END_SESSIONS = """select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity
    where datname = current_database() and application_name like 'perennial%'"""
DAYS = 7 * 120
VISITS = f"""
create table source.visits (
    visit bigint not null, member text not null, entered_at timestamptz not null, known_at timestamptz not null,
    minutes double precision
);
insert into source.visits
select row_number() over (order by day, number), 'm' || number, entered, entered + interval '20 minutes', 20 + dice % 9000 / 100.0
from generate_series(1, 80) as members (number) cross join generate_series(0, {DAYS}) as days (day)
cross join lateral (
    select ('x' || substr(md5('visit ' || number || ' on ' || day), 1, 7))::bit(28)::integer as dice,
        timestamptz '2023-02-06 07:00+01' + make_interval(days => day, mins => 11 * number) as entered
) as drawn
where dice % 1000 < (12 + 3 * (number % 40)) * (1 + (number + day / 30) % 2);
"""
# What a loader may do to the facts of seven days that nobody has looked at yet.
NEWEST = "entered_at >= date '{day}' - 7 and entered_at < date '{day}'"
BAD_DATA: Mapping[str, str] = {
    "an outage": f"update source.visits set known_at = known_at + interval '20 days' where {NEWEST}",
    "late facts": f"update source.visits set known_at = known_at + interval '9 days' where {NEWEST} and visit % 3 = 0",
    "facts twice": f"insert into source.visits select * from source.visits where {NEWEST} and visit % 5 = 0",
    "odd amounts": f"update source.visits set minutes = 'NaN' where {NEWEST} and visit % 7 = 0",
    "facts of tomorrow": "insert into source.visits select visit + 1000000, member, entered_at + interval '30 days', known_at, "
    f"minutes from source.visits where {NEWEST} and visit % 11 = 0",
}
SIZES = """
select pg_database_size(current_database()) as database_bytes,
    (select count(*) from ledger.runs) as runs, (select count(*) from ledger.events) as events,
    (select count(*) from ledger.versions) as versions,
    (select sum(rows) from (
        select count(*) as rows from features.stay union all select count(*) from features.gone
        union all select count(*) from scores.stay union all select count(*) from scores.gone
    ) as counted) as kept_rows,
    (select count(*) from pg_tables where schemaname = 'scores') as tables_of_scores"""


@dataclass(frozen=True)
class Step:
    """What came of one week of one model.

    Attributes:
        seconds: of the wall, for whoever wants to know the pace; nothing is judged by them.
    """

    number: int
    model: str
    as_of: date
    fault: str
    bad_data: str
    state: str
    broken: tuple[str, ...]
    sizes: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    def write(self) -> str:
        sizes = " ".join(f"{name}={value}" for name, value in self.sizes.items())
        befell = ", ".join(filter(None, (self.fault, self.bad_data))) or "-"
        said = f"{self.number} {self.model} {self.as_of} [{befell}] {self.state} in {self.seconds:.0f} s {sizes}"
        return f"{said} {'; '.join(self.broken)}".rstrip()


@dataclass
class Soak:
    """An installation that lives on.

    Attributes:
        restart: ends PostgreSQL at once, and starts it again.
    """

    place: Place
    loader: Database
    context: ForkServerContext
    restart: Callable[[], None]
    seed: int = 7
    folders: tuple[Path, ...] = ()

    def prepare(self) -> None:
        with self.loader.transaction() as session:
            run_script(session, VISITS)
        for model in MODELS:
            operate.sync(self.place.stores, model)
            list(operate.backfill(self.place.stores, model, *HISTORY))

    def live(self, weeks: int) -> Iterator[Step]:
        """The steps, each once it was lived, judged and measured."""
        dice = random.Random(self.seed)
        for number in range(len(MODELS) * weeks):
            began = time.monotonic()
            as_of, model = FIRST + timedelta(weeks=number // len(MODELS)), MODELS[number % len(MODELS)]
            run = self.place.run(as_of, model)
            run = replace(run, clock=run.clock + AN_HOUR)  # so that it may be set back
            fault = bad_data = ""
            if number % EVERY == EVERY - 1:
                bad_data = dice.choice(sorted(BAD_DATA))
                with self.loader.transaction() as session:
                    is_first = number % len(MODELS) == 0  # else another model has looked at this week
                    run_script(session, BAD_DATA[bad_data].format(day=as_of + timedelta(weeks=not is_first)))
                fault = dice.choice(sorted(FAULTS))
                fault += FAULTS[fault](self, run, dice)
            live_week(self.place.stores, run)
            operate.reconcile(self.place.stores, run, start=False)
            state, broken, sizes = self._describe(run), self._judge(), self._measure()
            yield Step(number, model, as_of, fault, bad_data, state, broken, sizes, time.monotonic() - began)

    def say_what_stays(self) -> str:
        """How much is older than it is kept, by the reason for which it stays."""
        items = [
            item for model in MODELS for item in pipeline.purge(self.place.stores, model, datetime.now(UTC), dry_run=True).kept
        ]
        reasons = Counter(f"{item.kind}, {re.sub('[0-9]+', 'N', item.why or '')}" for item in items)
        return "; ".join(f"{reason}: {number}" for reason, number in sorted(reasons.items()))

    def begin(self, run: Run, point: Point | None = None) -> Attempt:
        return start(self.context, WEEK, self.place.settings, run, point)

    def _describe(self, run: Run) -> str:
        week = operate.remember(self.place.stores, run.model, run.as_of)
        return f"scored by {week.version}" if week.version else "not scored"

    def _judge(self) -> tuple[str, ...]:
        return tuple(find_broken(self.place.stores))

    def _measure(self) -> dict[str, int]:
        (sizes,) = self.place.ask(SIZES)
        files = [path for folder in self.folders for path in folder.rglob("*") if path.is_file()]
        return {
            **{name: int(value) for name, value in sizes.items()},
            "files": len(files),
            "file_bytes": sum(path.stat().st_size for path in files),
            "descriptors": sum(1 for _ in Path("/proc/self/fd").iterdir()),
            "memory_kb": int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
            * os.sysconf("SC_PAGE_SIZE")
            // 1024,
        }


def _be_killed(soak: Soak, run: Run, dice: random.Random) -> str:
    return _say(soak.begin(run, Point(dice.randint(1, MOST_CALLS))).join())


def _lose_database(soak: Soak, run: Run, dice: random.Random) -> str:
    attempt = soak.begin(run, Point(dice.randint(1, MOST_CALLS), signal=signal.SIGSTOP))
    if not attempt.await_stop():
        return _say(attempt.join())
    soak.restart()
    return _say(attempt.go_on())


def _be_declared_dead(soak: Soak, run: Run, dice: random.Random) -> str:
    """Others take it for lost and live the week; then it wakes."""
    attempt = soak.begin(run, Point(dice.randint(1, MOST_CALLS), signal=signal.SIGSTOP))
    if not attempt.await_stop():
        return _say(attempt.join())
    soak.place.ask(END_SESSIONS)
    live_week(soak.place.stores, run)
    return _say(attempt.go_on())


def _come_twice(soak: Soak, run: Run, _: random.Random) -> str:
    attempts = [soak.begin(run), soak.begin(run)]
    return "".join(_say(attempt.join()) for attempt in attempts)


def _lose_registry(soak: Soak, run: Run, _: random.Random) -> str:
    registry = pipeline.Stores(soak.place.settings, soak.place.stores.warehouse, type(soak.place.stores.registry)(NOBODY))
    with suppress(UnavailableError):
        live_week(registry, run)
    return ""


def _lose_mail(soak: Soak, run: Run, _: random.Random) -> str:
    live_week(with_settings(soak.place, smtp=Smtp(port=1)).stores, run)
    return ""


def _damage_files(soak: Soak, run: Run, dice: random.Random) -> str:
    """Those of the version that serves, which the week needs; others would be named by the check until somebody wants them."""
    with soak.place.stores.warehouse.transaction() as session:
        champion = ledger.champion(session, run.model)
    for file in sorted((soak.place.settings.artifacts / CACHE / run.model).glob(f"{champion}-*/**/*.*")):
        if file.is_file():
            content = bytearray(file.read_bytes())
            content[dice.randrange(len(content))] ^= 1
            file.write_bytes(content)
    return ""


def _set_clock_back(soak: Soak, run: Run, _: random.Random) -> str:
    """The week is lived, and a rerun has a clock that is an hour behind: a version that was fitted meanwhile is refused."""
    live_week(soak.place.stores, run)
    try:
        live_week(soak.place.stores, replace(run, clock=run.clock - AN_HOUR))
    except ChampionTooNew:
        return " (refused)"
    return " (ended)"


def _say(code: int) -> str:
    known = {0: "ended", TRY_AGAIN: "said so", -signal.SIGKILL: "died"}
    return f" ({known.get(code, f'exit code {code}')})"


FAULTS: Mapping[str, Callable[[Soak, Run, random.Random], str]] = {
    "killed": _be_killed,
    "killed again": _be_killed,
    "database ended": _lose_database,
    "paused and declared dead": _be_declared_dead,
    "two at once": _come_twice,
    "registry gone": _lose_registry,
    "mail gone": _lose_mail,
    "kept files damaged": _damage_files,
    "clock set back": _set_clock_back,
}
