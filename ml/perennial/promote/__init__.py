"""Who may become champion, and how the alias moves without a moment in which nobody knows the champion.

The ledger is the truth, the alias its projection. Under one lock for each model: reconcile the two; decide; check that
the version's files load; write the intent; move the alias; mark it applied. Each step is committed before the next
begins, so a crash leaves an open intent at worst, which the next reconcile finishes or undoes:

    crash after ...     ledger     alias      the next reconcile
    the lock            champion   champion   finds nothing; the rerun starts anew
    the intent          intended   champion   checks the files again, moves the alias, marks it applied
    moving the alias    intended   moved      checks the files again, marks it applied
    marking it applied  applied    moved      finds nothing; the rerun finds its work done
"""

from perennial.promote.choosing import (
    Approval,
    check_cooldown,
    choose_challenger,
    choose_evaluation,
    choose_forced,
    choose_former_champion,
    choose_former_recipe,
    choose_refresh,
    is_served,
    list_reasons_to_ask,
    must_ask,
)
from perennial.promote.history import History, find_taken_back, list_champions, newest_champion
from perennial.promote.protocol import Alias, Book, PromotionContext, promote, reconcile_alias, rehearse, roll_back

__all__ = [
    "Alias",
    "Approval",
    "Book",
    "History",
    "PromotionContext",
    "check_cooldown",
    "choose_challenger",
    "choose_evaluation",
    "choose_forced",
    "choose_former_champion",
    "choose_former_recipe",
    "choose_refresh",
    "find_taken_back",
    "is_served",
    "list_champions",
    "list_reasons_to_ask",
    "must_ask",
    "newest_champion",
    "promote",
    "reconcile_alias",
    "rehearse",
    "roll_back",
]
