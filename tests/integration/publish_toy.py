"""A small model with a snapshot in a real warehouse, and a job to publish it; also a program that stops where it is told.

    TOY_URL=<pipeline url> python publish_toy.py <entity type> <stop at: check | audit | rank> [attempt shard]

It prints `reached` at that point, inside the publishing transaction (with an attempt and a shard: in that of the shard, at
`rank`), and goes on when its stdin ends.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text

from perennial.config import Declaration, Model
from perennial.predictor import IDENTITIES, ClassLinear, Contract, Feature, Linear, Predictor
from perennial.records import Run, Tally, Version
from perennial.score import scoring_rules
from perennial.stores.sessions import Database, Session, run_script
from perennial.stores.warehouse import ScoringJob, build_snapshot, find_attempt, publish, publish_shard, sync

AS_OF = date(2017, 11, 6)
FEATURES = (
    Feature(name="recency_days", median=10.0),
    Feature(name="spend_28d", median=50.0),
    Feature(name="is_member", median=1.0),
    Feature(name="channel", kind="category", categories=("app", "store", "web")),
)
FEATURES_SQL = "select entity_id, recency_days, spend_28d, is_member, channel, income from people"
PEOPLE = """
create table source.people (
    entity_id {entity}, recency_days bigint, spend_28d double precision, is_member boolean, channel text, income text
);
insert into source.people
select
    ({key})::{entity}, n % 60, case when n % 10 > 0 then (n * 37 % 1000) / 8.0 end,
    case when n % 7 > 0 then n % 2 = 0 end, (array['web', 'app', 'kiosk', null])[n % 4 + 1], 'low'
from generate_series(1, {rows}) as n
"""
KEYS = {
    "bigint": "n",
    "text": "'k' || md5(n::text) || repeat('é', n % 5)",
    "uuid": "left(md5(n::text), 28) || repeat('0', 4)",  # bytes of zero at its end, which numpy would cut off a text
}
VERSION = Version(
    model="toy",
    version=3,
    algorithm="logistic",
    mlflow_run_id="m",
    manifest={"contract.json": "c0ffee", "golden.json": "abc"},
    data_hash="d",
    training_as_ofs=(date(2017, 8, 7),),
    holdout_as_ofs=(date(2017, 9, 4),),
    trained_for=date(2017, 10, 30),
    effective_at=datetime(2017, 10, 30, 12, tzinfo=UTC),
)


def declare(entity: str = "bigint", reasons: int = 3, shards: int = 1, task: str = "binary") -> Declaration:
    model = Model.model_validate(
        {
            "name": "toy",
            "description": "A toy",
            "owner": "toy@example.com",
            "timezone": "UTC",
            "entity": {"key": "person_id", "type": entity},
            "sources": {"people": {"times": "static"}},
            "schedule": {"refresh": "30 6 * * *", "retrain": "0 8 * * 3"},
            "label": {"horizon_days": 28, "task": task},
            "features": {"segments": ["income"]},
            "scoring": {"reasons": reasons, "shards": shards},
        }
    )
    return Declaration(model=model, features_sql=FEATURES_SQL, labels_sql="select 1", expectations=Path())


def make_run(as_of: date = AS_OF) -> Run:
    return Run(model="toy", as_of=as_of, clock=declare().model.known_until(as_of), purpose="simulation")


def make_predictor(intercept: float = -2.0) -> Predictor:
    linear = Linear(
        intercept=intercept,
        coefficients=(1.5, -0.5, 0.25, 0, 0, 0.5),
        means=(30, 50, 0.5, 0, 0, 0),
        scales=(15, 20, 0.5, 1, 1, 1),
    )
    return Predictor(Contract(model="toy", algorithm="logistic", features=FEATURES, linear=linear), None)


def make_other(task: str) -> Predictor:
    """A predictor of amounts, or of classes."""
    ours = make_predictor().contract
    assert isinstance(ours.linear, Linear)
    if task == "regression":
        kept = {"algorithm": "ridge", "link": "identity", "calibrator": IDENTITIES["identity"]}
        return Predictor(ours.model_copy(update=kept), None)
    margins = tuple(tuple(round(each * share, 3) for each in ours.linear.coefficients) for share in (1.0, -0.5, 0.2))
    linear = ClassLinear(intercepts=(0.1, 0.2, 0.3), coefficients=margins, means=ours.linear.means, scales=ours.linear.scales)
    kept = {"link": "softmax", "classes": ("bakery", "dairy", "produce"), "calibrator": IDENTITIES["softmax"]}
    return Predictor(ours.model_copy(update={**kept, "linear": linear}), None)


def make_job(
    entity: str = "bigint", *, reasons: int = 3, intercept: float = -2.0, shards: int = 1, task: str = "binary"
) -> ScoringJob:
    declaration = declare(entity, reasons, shards, task)
    return ScoringJob(
        declaration=declaration,
        predictor=make_predictor(intercept),
        version=VERSION,
        rules=scoring_rules(declaration.model, make_run(), VERSION, None),
        audit=lambda _: (),
        code_version="0.1.0",
    )


@dataclass(frozen=True)
class Toy:
    """A warehouse with valid snapshots of the toy."""

    pipeline: Database
    entity: str

    def add_snapshot(self, as_of: date) -> None:
        run = make_run(as_of)
        with self.pipeline.transaction() as session:
            build_snapshot(session, declare(self.entity), run)
            self.execute(session, "update ledger.snapshots set status = 'valid' where as_of = :as_of", as_of=as_of)

    def publish(self, job: ScoringJob | None = None, as_of: date = AS_OF):
        return publish(self.pipeline, make_run(as_of), job or make_job(self.entity))

    def execute(self, session: Session, statement: str, **values: object):
        return session.execute(text(statement), values)

    def query(self, statement: str, **values: object) -> list[tuple]:
        with self.pipeline.transaction() as session:
            return [tuple(row) for row in self.execute(session, statement, **values)]

    def statuses(self) -> list[str]:
        return [row[0] for row in self.query("select status from ledger.publications order by attempt")]


def work_on_shard(database: Database, job: ScoringJob, attempt: int, number: int) -> None:
    """Score a shard as a task does, which knows two numbers."""
    with database.transaction() as session:
        found = find_attempt(session, make_run(), attempt)
    publish_shard(database, found.attempt, job, number)


def make_toy(urls, entity: str = "bigint", rows: int = 1000, task: str = "binary") -> Toy:
    key = KEYS[entity]
    with Database(urls.loader).transaction() as session:
        run_script(session, PEOPLE.format(entity=entity, key=key, rows=rows))
    toy = Toy(Database(urls.pipeline, "toy"), entity)
    with toy.pipeline.transaction() as session:
        sync(session, declare(entity, task=task))
    toy.add_snapshot(AS_OF)
    return toy


def stop_at(job: ScoringJob, point: str) -> ScoringJob:
    def wait() -> None:
        sys.stdout.write("reached\n")
        sys.stdout.flush()
        sys.stdin.read()

    def check(tally: Tally) -> tuple[str, ...]:
        wait()
        return job.rules.check(tally)

    def audit(_: Session) -> tuple[str, ...]:
        wait()
        return ()

    def rank(scores: NDArray[np.float64]) -> NDArray[np.int64]:
        wait()
        return job.rules.rank(scores)

    if point == "rank":
        return replace(job, rules=replace(job.rules, rank=rank))
    return replace(job, audit=audit) if point == "audit" else replace(job, rules=replace(job.rules, check=check))


if __name__ == "__main__":
    url, (entity, point, *shard) = os.environ["TOY_URL"], sys.argv[1:]
    if shard:
        attempt, number = (int(text) for text in shard)
        work_on_shard(Database(url, "child"), stop_at(make_job(entity), point), attempt, number)
        sys.exit()
    publication = publish(Database(url, "child"), make_run(), stop_at(make_job(entity), point))
    sys.stdout.write(f"{publication.attempt} {publication.status}\n")
