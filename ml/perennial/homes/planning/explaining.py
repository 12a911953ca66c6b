"""What the files of now mean for what the ledger holds: definitions, snapshots, labels, recipes, trainings, and what it costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from perennial.config import Declaration
from perennial.homes.planning.days import Trial
from perennial.homes.planning.plan import Days, Item
from perennial.homes.planning.standing import Known
from perennial.pipeline.labelling import name_rebuild
from perennial.pipeline.refitting import follow_rulings

LONG_SECONDS = 120
MOST_NAMED = 8


def explain_definitions(declaration: Declaration, known: Known) -> Iterator[Item]:
    """Do the files say something else than what built the newest days?"""
    newest, name = known.features[-1], declaration.model.name
    if newest.query_hash == declaration.definition_hash("features"):
        yield Item("features", "same", f"sql/{name}/features.sql and what it reads define the rows as on {newest.as_of}.")
    else:
        said = f"Another definition than that of {newest.as_of}: the next refresh builds its day by the new one."
        yield Item("features", "changes", said)
    if known.labels and has_new_labels(declaration, known):
        yield Item("labels", "changes", f"Another definition than that of {known.labels[-1].as_of}.")
    elif known.labels:
        yield Item("labels", "same", f"Labels are defined as on {known.labels[-1].as_of}.")
    if newest.config_hash != declaration.model.config_hash:
        yield Item("model file", "changes", f"models/{name}.toml has other keys than on {newest.as_of}.")


def has_new_labels(declaration: Declaration, known: Known) -> bool:
    """Were the newest labels built by another definition?"""
    return bool(known.labels) and known.labels[-1].query_hash != declaration.definition_hash("labels")


def list_rebuilt(declaration: Declaration, known: Known) -> Days:
    """The days that the backfills of the outdated and of the unbuilt ones build: those between them teach, too."""
    spans = (days for days in (known.standing.outdated, list_unbuilt(declaration, known)) if days)
    return tuple(sorted({day for days in spans for day in declaration.model.training_as_ofs(days[0], days[-1])}))


def list_moved(declaration: Declaration, known: Known) -> Days:
    """Days that taught and teach no more: step or weekday are others."""
    grid = declaration.model.grid
    return tuple(day for day in _list_taught(declaration, known) if grid.newest_teaching(day) != day)


def _list_taught(declaration: Declaration, known: Known) -> Days:
    """What the champion learned from; before the first what has matured, where the file is another and none of it teaches."""
    if known.champion is not None:
        return tuple(sorted(known.champion.training_as_ofs))
    model, standing = declaration.model, known.standing
    if standing.current or standing.outdated or known.features[-1].config_hash == model.config_hash:
        return ()
    return tuple(day.as_of for day in known.valid if model.matured_at(day.as_of) <= known.clock)


def list_unbuilt(declaration: Declaration, known: Known) -> Days:
    """Of the days that teach instead, back to the oldest that was built, those that nobody has built."""
    if not list_moved(declaration, known):
        return ()
    model, built = declaration.model, {day.as_of for day in known.features}
    today = known.clock.astimezone(model.zone).date()
    wanted = model.bootstrap_as_ofs(known.features[0].as_of, model.latest_matured(known.clock), today)
    return tuple(day for day in wanted if day not in built)


def list_labelled(known: Known) -> Days:
    """Days whose labels a training builds anew: at once where the snapshot stands, of outdated ones once that was built."""
    have = {day.as_of for day in known.labels}
    return tuple(day for day in sorted({*known.standing.unlabelled, *known.standing.outdated}) if day in have)


def explain_snapshots(declaration: Declaration, known: Known) -> Iterator[Item]:
    """Which snapshots training leaves out, and what builds them anew; which days it labels anew."""
    outdated, current = known.standing.outdated, known.standing.current
    if outdated:
        rest = f"{len(current)} others may teach" if current else "none is left to teach, so that nothing is fitted"
        built = len(list_rebuilt(declaration, known))
        yield Item(
            "snapshots",
            "to do",
            f"{_count(outdated, 'training day')} {'was' if len(outdated) == 1 else 'were'} built by another definition and "
            f"{'is' if len(outdated) == 1 else 'are'} left out of every training ({rest}) until "
            f"`{name_rebuild(declaration.model.name, outdated)}` builds {_count_only(built, 'day')} anew.",
        )
    elif not list_moved(declaration, known):
        yield Item("snapshots", "same", f"No snapshot of the {len(current)} that training uses is built anew.")
    yield from _explain_step(declaration, known)
    labelled = list_labelled(known)
    if labelled:
        why = "their definition is another" if has_new_labels(declaration, known) else "their snapshots are"
        yield Item("labels", "changes", f"{_count(labelled, 'day')}: the next training labels them anew, for {why}.")
    if has_new_labels(declaration, known) and known.contests:
        under_test = ", ".join(str(contest.challenger_recipe) for contest in known.contests)
        yield Item(
            "labels",
            "breaks",
            f"Recipes under test ({under_test}): their looks so far were taken on labels of another definition, and looks of "
            "one test may not mix. Merge once the tests have ended, or begin a new model.",
        )


def _explain_step(declaration: Declaration, known: Known) -> Iterator[Item]:
    """Which days teach no more, and which that teach instead are not there."""
    moved, unbuilt = list_moved(declaration, known), list_unbuilt(declaration, known)
    if not moved:
        return
    model, taught = declaration.model, len(_list_taught(declaration, known))
    who = "were built and have matured" if known.champion is None else f"version {known.champion.version} learned from"
    said = (
        f"Other days teach: of the {taught} that {who} {len(moved)} do no more, and of those that do instead "
        f"{len(known.standing.current)} are built and have matured (training.min_as_ofs = {model.training.min_as_ofs})"
    )
    if unbuilt:
        built = _count_only(len(model.training_as_ofs(unbuilt[0], unbuilt[-1])), "day")
        yield Item("snapshots", "to do", f"{said}: `{name_rebuild(model.name, unbuilt)}` builds {built}.")
    else:
        yield Item("snapshots", "changes", f"{said}.")


def explain_training(declaration: Declaration, known: Known, trial: Trial) -> Iterator[Item]:
    """Which recipe goes on, and whether the next training is another than it would have been."""
    model, champion, entry = declaration.model, known.champion, known.entry
    if champion is None or entry is None:
        yield Item("recipe", "note", "Nobody serves yet.")
        return
    inputs = [column.name for column in trial.columns if column.name not in (*model.asides, *model.training.exclude)]
    if not inputs:
        yield Item("training", "breaks", f"The next one fails. models/{model.name}.toml: training.exclude leaves no feature.")
        return
    followed = follow_rulings(model, entry.recipe, inputs)
    if followed is not None and followed.digest == entry.recipe.digest:
        yield Item("recipe", "same", f"Recipe {entry.number}, which serves, goes on.")
    else:
        how = "is chosen anew, for its feature is gone or ruled out" if followed is None else _name_moved(entry.recipe, followed)
        begin = "begins" if len(known.contests) == 1 else "begin"
        tests = f" {_count_only(len(known.contests), 'test')} against it {begin} again." if known.contests else ""
        said = (
            f"Recipe {entry.number}, which serves, ends with the next refit: {how}; the fits of another number follow it.{tests}"
        )
        yield Item("recipe", "changes", said)
    if (champion.query_hash, dict(champion.rulings)) != (declaration.query_hash, model.rulings):
        said = (
            f"Version {champion.version} was fitted under other texts of the queries, or other rulings: the hash of the next "
            "training is another, so that the recipe is fitted even where no row has changed."
        )
        yield Item("training", "changes", said)
    if known.searched is not None and known.searched.query_hash != declaration.query_hash:
        said = "The text of the queries is another than at the last search, comments included: the next training searches anew."
        yield Item("training", "changes", said)


def _name_moved(before: object, after: object) -> str:
    former, new = set(getattr(before, "features", ())), set(getattr(after, "features", ()))
    gone = sorted(former - new)
    return f"it loses {', '.join(gone[:MOST_NAMED])}" if gone else "people have ruled otherwise about its inputs"


def explain_cost(known: Known, trial: Trial, *, rebuilt: Days, labelled: Days) -> Iterator[Item]:
    """Rows and seconds of what is built anew: by the ledger's former days, and by the days that were built just now."""
    rows = {day.as_of: day.rows for day in known.features}
    built = [day for day in trial.days if day.rows is not None]
    if rebuilt:
        total = sum(rows.get(day, known.usual_rows) for day in rebuilt)
        ways = [f"{_say_seconds(known.day_seconds * len(rebuilt))} by former days"] if known.day_seconds is not None else []
        if built:
            each = sum(day.seconds for day in built) / len(built)
            ways.append(f"{_say_seconds(each * len(rebuilt))} by the {len(built)} built for this plan")
        yield Item("cost", "note", f"Snapshots: about {total:,} rows, and as an estimate {' or '.join(ways) or 'no time known'}.")
    timed = [day.label_seconds for day in built if day.rows is not None and day.rows.labels is not None]
    if labelled:
        total = sum(rows.get(day, known.usual_rows) for day in labelled)
        time = f", as an estimate {_say_seconds(sum(timed) / len(timed) * len(labelled))}" if timed else ""
        yield Item("cost", "note", f"Labels: about {total:,} rows{time}.")


def _say_seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < LONG_SECONDS else f"{seconds / 60:.0f} min"


def _count(days: Sequence[date], noun: str) -> str:
    """`1 day (2025-03-03)`, `12 days (2025-03-03 to 2025-05-19)`."""
    span = str(days[0]) if len(days) == 1 else f"{days[0]} to {days[-1]}"
    return f"{_count_only(len(days), noun)} ({span})"


def _count_only(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
