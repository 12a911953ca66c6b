"""Notices about the weekly fit: far from the one before, held back, or kept from serving by a movement by hand."""

from __future__ import annotations

from datetime import date

from perennial.notices.figures import show_number
from perennial.records import FitDistance, Notice, Promotion, Version

LEAST_RANK_CORRELATION, LEAST_OVERLAP, MOST_MEAN_SHIFT = 0.9, 0.6, 0.25
MOVED_BY = {"rollback": "was put back", "manual": "was put there by hand in the registry"}


def say_distance(distance: FitDistance) -> tuple[str, ...]:
    """A sentence for each respect in which two weekly fits of one recipe lie further apart than weeks usually do."""
    former = f"version {distance.version}"
    sentences = (
        (
            distance.rank_correlation < LEAST_RANK_CORRELATION,
            f"Its ranks correlate {distance.rank_correlation:.2f} with those of {former} (usual: over {LEAST_RANK_CORRELATION}).",
        ),
        (
            distance.top_decile_overlap < LEAST_OVERLAP,
            f"{distance.top_decile_overlap:.0%} of the top tenth of {former} stay in it (usual: {LEAST_OVERLAP:.0%} or more).",
        ),
        (
            abs(distance.mean_shift) > MOST_MEAN_SHIFT,
            f"Its mean score lies {distance.mean_shift:+.0%} from that of {former} (usual: within {MOST_MEAN_SHIFT:.0%}).",
        ),
    )
    return tuple(sentence for is_far, sentence in sentences if is_far)


def write_distance(
    version: Version, distance: FitDistance, far: tuple[str, ...], held: str | None, as_of: date, *, before: Version
) -> Notice:
    """The mail about a weekly fit that people should look at.

    Args:
        distance: from the fit before it; far: in which respects that is unusual.
        held: why it does not serve; None when it does.
        before: the version that served until this fit.
    """
    moved = (
        ("rank correlation", "", show_number(distance.rank_correlation), f"with version {distance.version}"),
        ("share of the top tenth that stays", "", show_number(distance.top_decile_overlap), f"of version {distance.version}"),
        ("change of the mean score", "", f"{distance.mean_shift:+.1%}", f"from version {distance.version}"),
    )
    did = (
        f"Kept version {before.version} serving. {held}"
        if held
        else f"Let version {version.version} serve, as every week: only the distance is unusual."
    )
    return Notice(
        model=version.model,
        as_of=as_of,
        event="fit_held" if held else "fit_distance",
        headline=f"the fit of this week lies far from the last one{', and is held back' if held else ''}",
        summary=" ".join(far) or held or "",
        moved=moved,
        system_did=(f"Fitted recipe {version.recipe} on as_ofs up to {max(version.training_as_ofs)}.", did),
        you_must=(
            f"Look at what changed in the newest labels and features: the card of version {version.version} has both.",
            f"If the former fit is the better one: `perennial rollback {version.model}`; it then stays until a person unpins it.",
        ),
    )


def say_pin(pin: Promotion) -> str:
    """Why no refresh serves."""
    moved = MOVED_BY.get(pin.kind, "was moved by hand")
    return (
        f"Version {pin.version} {moved} on {pin.effective_at:%Y-%m-%d} by {pin.actor}, and no refresh serves until "
        f'`perennial unpin {pin.model} --reason "..."`.'
    )


def write_pin(pin: Promotion, as_of: date, *, refresh: str) -> Notice:
    """The weekly reminder that the champion is not refreshed, and what `training.refresh` means once it may be."""
    then = "nothing refreshes it then either" if refresh == "never" else "the next training that is due refreshes it"
    rule = "" if refresh == "weekly" else f' (training.refresh = "{refresh}")'
    return Notice(
        model=pin.model,
        as_of=as_of,
        event="pinned",
        headline=f"version {pin.version} is pinned and grows old",
        summary=f"{say_pin(pin)} {pin.reason}",
        moved=(),
        system_did=(f"Left version {pin.version} as it is; nothing was fitted this week.",),
        you_must=(f'Once the cause is gone: `perennial unpin {pin.model} --reason "..."`; {then}{rule}.',),
    )
