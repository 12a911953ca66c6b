"""What the gate said of its recipe: the newest verdict with all that it looked at."""

from __future__ import annotations

from perennial.card.document import Block, Cell, Facts, Section, Sentences, Table
from perennial.card.evidence import CardEvidence
from perennial.card.words import word, write_days, write_gain, write_metric, write_number
from perennial.records import Verdict


def write_gate(evidence: CardEvidence) -> Section:
    """The newest verdict; the others stand in the history."""
    if evidence.verdict is None:
        return Section("Verdict", (Sentences(("Its recipe has not been compared yet.",)),))
    verdict = evidence.verdict.verdict
    blocks: list[Block] = [_describe_verdict(evidence, verdict), Sentences(verdict.reasons, is_list=True, title="Reasons")]
    blocks += [_list_comparison(verdict)] if verdict.metrics or verdict.baselines else []
    blocks += [_list_looks(evidence, verdict)] if verdict.looks else []
    blocks += [_list_guards(verdict)] if verdict.guards else []
    blocks += [Sentences(verdict.doubts, is_list=True, title="Doubts, which a person has to weigh")] if verdict.doubts else []
    blocks += [Sentences(verdict.warnings, is_list=True, title="Warnings")] if verdict.warnings else []
    blocks += _describe_effect(verdict)
    return Section("Verdict", tuple(blocks))


def _describe_verdict(evidence: CardEvidence, verdict: Verdict) -> Facts:
    against = f"champion version {verdict.champion_version}" if verdict.champion_version else "nobody: there was no champion"
    if verdict.champion_recipe:
        against = f"recipe {verdict.champion_recipe}, the champion's, by what the fits of both served or would have"
    entries = [
        ("Verdict", f"{verdict.outcome} on {verdict.as_of}"),
        ("On", f"its recipe, of which version {verdict.challenger_version} was the newest fit"),
        ("Against", against),
        ("Assessed on", f"{verdict.rows:,} rows, {_count_positives(evidence, verdict)}{write_days(verdict.holdout_as_ofs)}"),
    ]
    entries += [("Error spent", f"at most {verdict.alpha:.2g} over all its looks")] if verdict.alpha is not None else []
    entries += [("Assessed again on", str(verdict.compared_again_on))] if verdict.compared_again_on else []
    return Facts(tuple(entries))


def _count_positives(evidence: CardEvidence, verdict: Verdict) -> str:
    return "" if evidence.measured.positives is None else f"{verdict.positives:,} positive, "


def _list_comparison(verdict: Verdict) -> Table:
    """Without a champion the recipe's own figures stand under Quality already: only the baselines are left to compare."""
    opponent = "Champion, baseline" if verdict.champion_version else "Baseline"
    rows = tuple(
        (
            Cell(write_metric(each.metric)),
            Cell(write_number(each.champion)),
            Cell(write_number(each.challenger)),
            Cell(write_gain(each.gain, each.metric)),
        )
        for each in (*(verdict.metrics if verdict.champion_version else ()), *verdict.baselines)
    )
    title = "On the same rows; a positive gain is this recipe's"
    return Table(("Metric", opponent, "This recipe", "Gain"), rows, frozenset({1, 2, 3}), title=title)


def _list_looks(evidence: CardEvidence, verdict: Verdict) -> Table:
    rows = tuple(
        (
            Cell(str(number)),
            Cell(write_days(look.as_ofs)),
            Cell(evidence.task.headline.write_signed(look.estimate)),
            Cell(evidence.task.headline.write_signed(look.lower)),
            Cell(f"{look.information:.0%}"),
            Cell(f"{look.spent:.2g}"),
        )
        for number, look in enumerate(verdict.looks, start=1)
    )
    headings = ("Look", "as_ofs", f"Gain in {evidence.title}", "Lower bound over all looks", "Information", "Error spent")
    return Table(headings, rows, frozenset({0, 2, 3, 4, 5}), title="Looks of the sequential test")


def _list_guards(verdict: Verdict) -> Table:
    rows = tuple(
        (
            Cell(write_metric(each.name)),
            word(each.state),
            Cell(write_gain(each.gain, each.name)),
            Cell(f"{each.tolerated:g}"),
            Cell(each.sentence),
        )
        for each in sorted(verdict.guards, key=lambda guard: ("veto", "doubtful", "held", "not assessed").index(guard.state))
    )
    headings = ("Guard", "State", "Gain", "Loss borne", "Finding")
    return Table(headings, rows, frozenset({2, 3}), title="Guards: what it must not harm")


def _describe_effect(verdict: Verdict) -> list[Block]:
    blocks: list[Block] = []
    if verdict.blast_radius:
        blocks.append(
            Sentences(
                (verdict.blast_radius.sentence,),
                title=f"What changes for those who act on the scores, {verdict.blast_radius.as_of}",
            )
        )
        flips = sorted(verdict.blast_radius.flips.items(), key=lambda item: (-item[1], item[0]))
        flips = [(name, share) for name, share in flips if share > 0]
        rows = tuple((Cell(name), Cell(f"{share:.1%}", share=share)) for name, share in flips)
        blocks += [Table(("Segment", "Predictions that change"), rows, frozenset({1}))] if rows else []
    return blocks
