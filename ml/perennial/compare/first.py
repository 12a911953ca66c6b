"""The first champion: who had the lowest loss out of fold serves at once, for somebody must.

No test is asked of it, for there is nobody to be better than: on strangers' data a test against the baselines left nobody
serving. What it is, and what it was chosen from, is said. Where its sources or its rows may hold the answer, a person decides.
"""

from __future__ import annotations

from perennial.compare.contest import ComparisonInput
from perennial.records import ALGORITHM_NAMES, RecipeChoice

LARGE = 10  # of amounts; no log-loss comes near
DECEIVES = "rows of the past may hold what became known later, and then it promises more than it can keep."


def say_first(contest: ComparisonInput) -> str:
    """Why this one, in one sentence."""
    who, choice = contest.challenger, contest.choice
    name = ALGORITHM_NAMES.get(who.algorithm, who.algorithm)
    if choice is None:
        return f"First champion: {name} (version {who.version}), for nobody serves yet."
    if not choice.losses:
        fitted = f"First champion: {name} (version {who.version}), fitted on {who.learned_as_ofs} as_ofs"
        until = "It serves until a training finds a better one"
        if choice.is_outcome_new:
            too_new = "enough of them, but one outcome is too new or too rare for folds to choose on"
            return f"{fitted}, {too_new}. {until}: there may be enough of it on {choice.enough_on}, at the earliest."
        return f"{fitted}, too few to choose on. {until}: there will be enough as_ofs on {choice.enough_on}."
    return f"First champion: lowest out-of-fold {choice.loss}, {_list_losses(who.algorithm, choice)}.{_say_constant(choice)}"


def _list_losses(algorithm: str, choice: RecipeChoice) -> str:
    """`.2873 (logistic regression) against .2901 (boosting) and .3050 (single-feature rule)`."""
    chosen = algorithm if algorithm in choice.losses else "booster"
    others = sorted((loss, name) for name, loss in choice.losses.items() if name != chosen)
    against = " and ".join(f"{_show(loss)} ({ALGORITHM_NAMES[name]})" for loss, name in others)
    return f"{_show(choice.losses[chosen])} ({ALGORITHM_NAMES[algorithm]}) against {against}"


def _say_constant(choice: RecipeChoice) -> str:
    """What everybody's features are worth together."""
    if choice.constant is None:
        return ""
    if choice.constant > min(choice.losses.values()):
        return f" One score for all costs {_show(choice.constant)}."
    return f" One score for all costs no more, {_show(choice.constant)}: nothing was found that holds on other as_ofs."


def _show(loss: float) -> str:
    return f"{loss:,.2f}" if loss >= LARGE else f"{loss:.4f}".removeprefix("0")


def doubt_first(contest: ComparisonInput) -> tuple[str, ...]:
    """Why a person should look before it serves, a sentence each."""
    suspicions = () if contest.choice is None else contest.choice.suspicions
    in_place = sorted(name for name, source in contest.model.sources.items() if source.times == "current_state")
    if not in_place:
        return suspicions
    worth = None if contest.choice is None else contest.choice.current_state
    sentence = f"It rests on {', '.join(in_place)}, updated in place: {DECEIVES}"
    return (f"{sentence} {worth.sentence}" if worth else sentence, *suspicions)


def doubt_challenger(contest: ComparisonInput) -> tuple[str, ...]:
    """Likewise beside a champion: it may win by what past rows of a `current_state` source knew too early.

    What the champion reads as well was approved with it, or is at least no reason to prefer either.
    """
    worth = None if contest.choice is None else contest.choice.current_state
    if worth is None or contest.champion is None:
        return ()
    new = [name for name in worth.use.features if name not in contest.champion.features]
    if not new:
        return ()
    reads = f"It reads {', '.join(new)} from {', '.join(worth.use.sources)}, updated in place, and the champion does not"
    return (f"{reads}: {DECEIVES} {worth.sentence}",)
