"""What is judged: the recipe, by what its weekly fits have published and what came true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from perennial.card.document import Block, Cell, Facts, Gallery, Section, Sentences, Table
from perennial.card.evidence import CardEvidence
from perennial.card.measured import Served
from perennial.card.pictures import draw_course
from perennial.card.standing import ENOUGH_AS_OFS, Standing, find_stint
from perennial.card.words import (
    capitalise,
    count,
    head_labels,
    join,
    say_equal,
    word,
    write_interval,
    write_labels,
    write_mean,
    write_metric,
    write_number,
    write_second,
)
from perennial.config import describe_figure, write_figure
from perennial.records import ALGORITHM_NAMES, Promotion
from perennial.records.cards import DatedVerdict, KnownFit

FOUND_BY = {
    "search": "a search",
    "person": "a person",
    "ruling": "what a person ruled about the inputs of the recipe before it",
    "former": "a training from before recipes were kept",
}
SHOWN = 12


def write_recipe(evidence: CardEvidence, standing: Standing) -> Section:
    """What it is, who fitted it when, what was promised and what came true, and how it was tested."""
    blocks: list[Block] = [_describe_recipe(evidence, standing), _list_fits(evidence), _list_kept(evidence, standing)]
    if evidence.served:
        blocks += [Sentences((say_difference(evidence),)), Gallery(draw_course(evidence))]
    blocks.append(Sentences((_count_verdicts(evidence),)))
    blocks += [_list_contests(evidence)] if evidence.contests else []
    return Section("Recipe", tuple(blocks))


def _describe_recipe(evidence: CardEvidence, standing: Standing) -> Facts:
    entry = evidence.recipe
    recipe = entry.recipe
    parameters = (
        f"{name} = {value if isinstance(value, str) else write_number(value)}"
        for name, value in sorted(recipe.parameters.items())
    )
    chosen = f"as_ofs up to {entry.chosen_on}" if entry.chosen_on else "no as_of: every one may judge it"
    entries = [
        ("Number", f"{entry.number}, among the recipes of {entry.model}"),
        ("Algorithm", ALGORITHM_NAMES.get(recipe.algorithm, recipe.algorithm)),
        ("Parameters", ", ".join(parameters) or "the library's own"),
        ("Inputs", count(len(recipe.features), "column") if recipe.features else "every column that is not excluded"),
    ]
    entries += (
        [("Ruled", "; ".join(f"{name} {words}" for name, words in sorted(recipe.rulings.items())))] if recipe.rulings else []
    )
    entries += [("Found by", FOUND_BY[entry.origin]), ("Because", entry.because), ("Chosen on", chosen)]
    return Facts((*entries, ("Champion", _say_reign(evidence, standing))))


def _say_reign(evidence: CardEvidence, standing: Standing) -> str:
    if standing.since is None:
        return "never"
    span = f"since {standing.since}" if standing.until is None else f"from {standing.since} to {standing.until}"
    return f"{span}, first by version {evidence.promised_by}"


def _list_fits(evidence: CardEvidence) -> Table:
    shown = evidence.fits[-SHOWN:]
    rows = tuple(_describe_fit(evidence, each) for each in shown)
    title = "Its fits" if len(shown) == len(evidence.fits) else f"The newest {len(shown)} of its {len(evidence.fits)} fits"
    return Table(("Fit", "Fitted for", "Learned up to", "Served", "as_ofs published"), rows, frozenset({4}), title=title)


def _describe_fit(evidence: CardEvidence, each: KnownFit) -> tuple[Cell, ...]:
    mine = ", this fit" if each.version == evidence.version.version else ""
    return (
        Cell(f"version {each.version}{mine}"),
        Cell(str(each.trained_for)),
        Cell(str(each.newest_as_of)),
        Cell(_say_service(evidence, evidence.promotions, each.version)),
        Cell(f"{each.published:,}"),
    )


def _say_service(evidence: CardEvidence, promotions: tuple[Promotion, ...], version: int) -> str:
    began, ended = find_stint(promotions, version)
    if began is None:
        return "never"
    since = evidence.local_day(began)
    return f"since {since}" if ended is None else f"{since} to {evidence.local_day(ended)}"


def _list_kept(evidence: CardEvidence, standing: Standing) -> Table:
    pooled = [_describe_pooled(evidence, evidence.first_served, "first")] if evidence.first_served else []
    pooled += [_describe_pooled(evidence, evidence.newest_served, "newest")] if evidence.newest_served else []
    metric, second = evidence.metric, evidence.second
    days = [
        (
            Cell(str(day.as_of)),
            Cell(str(day.version)),
            Cell(f"{day.rows:,}"),
            Cell(write_labels(day.positives, day.rows, day.base_rate)),
            Cell(write_mean(day.mean_score, day.positives)),
            Cell(write_interval(day.headline, metric=metric) if day.is_ranked else say_equal(day.positives)),
            Cell(write_second(second, day.metrics)),
        )
        for day in evidence.served[-SHOWN:]
    ]
    named = capitalise(write_metric(second))
    matured = f"{min(standing.matured, ENOUGH_AS_OFS)} of {ENOUGH_AS_OFS} as_ofs"
    return Table(
        (
            "as_of",
            "Fit",
            "Rows",
            head_labels(evidence),
            "Mean score",
            evidence.title,
            named,
        ),
        (*days, *pooled),
        frozenset({1, 2, 3, 4, 5, 6}),
        sums=len(pooled),
        title=f"What its fits published, and what came true ({standing.status}: {matured})"
        if standing.since
        else "What its fits published, and what came true",
        empty="No as_of after the promotion has matured yet." if standing.since else "It was never champion.",
    )


def _describe_pooled(evidence: CardEvidence, served: Served, which: str) -> tuple[Cell, ...]:
    return (
        Cell(f"{which} {len(served.as_ofs)}, pooled"),
        Cell(""),
        Cell(f"{served.rows:,}"),
        Cell(write_labels(served.positives, served.rows, served.mean_label)),
        Cell(""),
        Cell(write_interval(served.headline, say_equal(served.positives), evidence.metric)),
        Cell(write_interval(served.metrics.get(evidence.second), metric=evidence.second)),
    )


def say_difference(evidence: CardEvidence) -> str:
    """Promised against kept, in one sentence."""
    metric = evidence.metric
    promised, kept = evidence.promise.figure(metric), evidence.first_served.headline if evidence.first_served else None
    if promised is None or kept is None:
        return f"No {evidence.title} can be compared: {_say_undefined(evidence)}."
    verb = "came out" if evidence.first_served and len(evidence.first_served.as_ofs) > 1 else "came out so far"
    difference = write_figure(metric, abs(kept.estimate - promised.estimate))
    sign = "-" if kept.estimate < promised.estimate else "+"
    inside = "inside" if kept.low <= promised.estimate <= kept.high else "outside"
    worse = "" if kept.estimate == promised.estimate else f"is {_weigh(metric, kept.estimate, promised.estimate)} and "
    return (
        f"The {evidence.title} {verb} {sign}{difference} from what the unseen rows of version {evidence.promised_by} promised "
        f"({write_figure(metric, promised.estimate)}), which {worse}lies {inside} the interval of what was kept: "
        f"{write_interval(kept, metric=metric)}."
    )


def _weigh(metric: str, kept: float, promised: float) -> str:
    """Is what came better than what was promised?"""
    return "better" if (kept < promised) == (describe_figure(metric).is_lower_better) else "worse"


def _say_undefined(evidence: CardEvidence) -> str:
    return "one class alone came true" if evidence.measured.positives is not None else "all labels are equal"


def _count_verdicts(evidence: CardEvidence) -> str:
    sides = (("challenger", evidence.verdicts), ("champion", evidence.verdicts_against))
    said = [f"as {side} {count(len(verdicts), 'time')} ({_count_outcomes(verdicts)})" for side, verdicts in sides if verdicts]
    return f"It was compared {join(said)}." if said else "It has not been compared yet."


def _count_outcomes(verdicts: Sequence[DatedVerdict]) -> str:
    outcomes = Counter(each.verdict.outcome.value for each in verdicts)
    return join(f"{number} {outcome}" for outcome, number in sorted(outcomes.items()))


def _list_contests(evidence: CardEvidence) -> Table:
    rows = tuple(
        (
            Cell(str(each.opened_for)),
            Cell(f"recipe {each.challenger_recipe} against {each.champion_recipe}"),
            Cell(f"{each.alpha:.2g}"),
            word(each.status),
        )
        for each in evidence.contests
    )
    return Table(("Opened for", "Who", "Error at most", "Status"), rows, frozenset({2}), title="Sequential tests it stood in")
