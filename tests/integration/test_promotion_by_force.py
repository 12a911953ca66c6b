"""By force, on a real ledger and a real registry: recorded as such, and never of what cannot serve."""

from __future__ import annotations

import pytest

from perennial.errors import PromotionRefused
from perennial.pipeline import approving
from perennial.records import Move, Outcome
from perennial.stores import ledger


def test_a_forced_promotion_is_recorded_as_forced_with_its_reason_and_its_actor(contenders):
    version = contenders.assess(outcome=Outcome.REJECT).verdict.challenger_version
    promotion = approving.force(
        contenders.world.stores, contenders.world.run("2017-06-19"), version, reason="The old one is wrong."
    )
    assert ("forced", "The old one is wrong.", "tester", None) == (
        promotion.kind,
        promotion.reason,
        promotion.actor,
        promotion.evaluation_id,
    )
    assert (version, version) == contenders.serving


def test_forcing_twice_for_one_reason_is_once(contenders):
    version, run = contenders.assess().verdict.challenger_version, contenders.world.run("2017-06-19")
    first = approving.force(contenders.world.stores, run, version, reason="The old one is wrong.")
    assert first == approving.force(contenders.world.stores, run, version, reason="The old one is wrong.")
    with pytest.raises(PromotionRefused, match="is the champion already"):
        approving.force(contenders.world.stores, run, version, reason="Another reason.")


def test_a_forced_promotion_that_was_killed_after_its_intent_is_finished_by_the_rerun(contenders):
    version, run = contenders.assess().verdict.challenger_version, contenders.world.run("2017-06-19")
    book = ledger.PromotionBook(contenders.world.stores.warehouse, run)
    intent = book.intend(Move(version, "forced", "The old one is wrong."), contenders.champion)
    finished = approving.force(contenders.world.stores, run, version, reason="The old one is wrong.")
    assert (intent.promotion_id, "applied") == (finished.promotion_id, finished.status)
    assert (version, version) == contenders.serving


def test_a_version_that_does_not_exist_is_not_even_forced(contenders):
    with pytest.raises(PromotionRefused, match="not even by force: lapse: the ledger does not know version 999"):
        approving.force(contenders.world.stores, contenders.world.run("2017-06-19"), 999, reason="I insist.")


def test_a_version_whose_files_do_not_pass_is_not_even_forced(contenders):
    version = contenders.assess().verdict.challenger_version
    contenders.world.tell(
        "set session_replication_role = replica; update ledger.versions set manifest = "
        "jsonb_set(manifest, '{contract.json}', to_jsonb(repeat('0', 64))) where version = :version",
        version=version,
    )
    with pytest.raises(PromotionRefused, match="not even by force"):
        approving.force(contenders.world.stores, contenders.world.run("2017-06-19"), version, reason="I insist.")
    assert (contenders.champion, contenders.champion) == contenders.serving


def test_the_champion_is_not_forced_to_be_champion(contenders):
    with pytest.raises(PromotionRefused, match="is the champion already"):
        approving.force(contenders.world.stores, contenders.world.run("2017-06-19"), contenders.champion, reason="I insist.")
