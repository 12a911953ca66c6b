"""Guards over all rows: what the task names, such as log-loss, calibration, and precision where people act."""

from __future__ import annotations

from collections.abc import Iterator

from perennial.compare.harm.evidence import Sampled
from perennial.compare.harm.guards import HarmTest, ask, not_assessed
from perennial.compare.harm.pair import ScoredPair
from perennial.compare.measures import MIN_ENTITIES, MIN_POSITIVES
from perennial.records import Guard
from perennial.tasks import Guarded


def guard_whole(pair: ScoredPair) -> Iterator[HarmTest | Guard]:
    """One question each, or none of them assessed when too few rows that carry evidence were seen."""
    task = pair.contest.task
    rows = pair.carriers
    count, carriers = int(rows.sum()), pair.count_carriers(rows)
    if count < MIN_POSITIVES or carriers < MIN_ENTITIES:
        counts = f"{count} {task.carriers_named} from {carriers} entities"
        for each in task.guarded:
            yield not_assessed(each.name, each.tolerated, f"Not assessed: {each.name}, on {counts}; {say_fewest()}.")
        return
    for each in task.guarded:
        yield _ask(pair, each, carriers)


def say_fewest() -> str:
    """What assessing takes."""
    return f"{MIN_POSITIVES} from {MIN_ENTITIES} entities are the fewest"


def _ask(pair: ScoredPair, guarded: Guarded, carriers: int) -> HarmTest | Guard:
    ours, theirs, labels = pair.ours.said, pair.theirs.said, pair.labels
    measure = guarded.measure
    before, after = measure.try_value(theirs, labels), measure.try_value(ours, labels)
    if before is None or after is None:
        sentence = f"Not assessed: {guarded.name}, which these labels leave undefined: too few entities, or all alike."
        return not_assessed(guarded.name, guarded.tolerated, sentence)
    fact = f"{guarded.fact} from {measure.write(before)} to {measure.write(after)}"
    gain = measure.gain(ours, theirs, labels)
    evidence = Sampled(gain.estimate, gain.standard_error, guarded.borne(before), carriers)
    return ask(guarded.name, fact, evidence, form=measure.form)
