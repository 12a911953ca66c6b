"""A leak where nobody serves asks a person; beside a champion it stops the fit, and what serves goes on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from perennial import pipeline
from perennial.card import render_markdown
from perennial.errors import LeakSuspected
from perennial.pipeline import approving, waiting
from perennial.pipeline.carding import write_card
from perennial.records import ApprovalQuestion, Version
from perennial.stores import ledger
from tests.world import MODEL, World, edit_model

SHORT, NEXT, ENOUGH = "2017-04-24", "2017-05-01", "2017-06-12"
FOUND = "alone, these features reach an AUC over max_feature_auc = 0.6 and over what was acknowledged: "


@pytest.fixture(scope="module")
def leaking(postgres, open_world, backfilled, first_day) -> Iterator[World]:
    """The world before its first champion; honest features exceed the limit of its model file."""
    postgres.make("world_leaking", template=backfilled)
    with open_world("world_leaking") as opened:
        opened.stores.registry._client.delete_registered_model_alias(MODEL, "champion")
        edit_model(opened.settings.home, {"max_feature_auc = 0.95": "max_feature_auc = 0.60"})
        yield opened
    postgres.drop("world_leaking")


@pytest.fixture(scope="module")
def asked(leaking) -> ApprovalQuestion:
    run = leaking.run(SHORT)
    pipeline.train(leaking.stores, run)
    pipeline.compare(leaking.stores, run)
    question = pipeline.promote(leaking.stores, run)
    assert isinstance(question, ApprovalQuestion)
    return question


def read_champion(world: World) -> Version | None:
    with world.stores.warehouse.transaction() as session:
        number = ledger.champion(session, MODEL)
        return None if number is None else ledger.get_version(session, MODEL, number)


def test_a_person_is_asked_with_features_aucs_and_keys(leaking, asked):
    (sentence,) = (because for because in asked.because if because.startswith("Perhaps a leak"))
    assert FOUND in sentence
    assert "recency_days (0." in sentence
    assert 'training.exclude = ["' in sentence
    assert f"[training.acknowledged_auc] of models/{MODEL}.toml: " in sentence
    assert read_champion(leaking) is None


def test_mail_page_and_card_say_it(leaking, asked):
    mailed = leaking.ask_one("select notice::text from ledger.outbox where event = :event", event=f"question_{asked.version}")
    _, page = approving.write_request(leaking.stores, asked)
    card = render_markdown(write_card(leaking.stores, leaking.run(SHORT), version=asked.version))
    assert [FOUND in text.replace("\\", "") for text in (mailed, page, card)] == [True, True, True]


def test_who_approves_it_lets_it_serve_and_what_is_not_written_down_is_refused_later(leaking, asked):
    """In this order: the approval, a weekly fit without the key, a search without it, and a weekly fit with it."""
    run = leaking.run(SHORT)
    approving.answer(leaking.stores, run, asked.question_id, decision="approve", actor="ann", source="shell")
    assert approving.carry_out(leaking.stores, run, asked.question_id).version == asked.version
    assert "recency_days = 0." in waiting.say_what_is_left(leaking.stores, asked)
    with pytest.raises(LeakSuspected, match="recency_days"):
        pipeline.refit(leaking.stores, leaking.run(NEXT))
    with pytest.raises(LeakSuspected, match="recency_days"):
        pipeline.train(leaking.stores, leaking.run(ENOUGH))
    assert read_champion(leaking).version == asked.version
    edit_model(leaking.settings.home, {"max_feature_auc = 0.60": "max_feature_auc = 0.95"})
    assert waiting.say_what_is_left(leaking.stores, asked) is None
    assert pipeline.refit(leaking.stores, leaking.run(NEXT)).promotion is not None


def test_a_first_search_asks_as_well(leaking, postgres, open_world, backfilled, asked):
    postgres.make("world_searching", template=backfilled)
    with open_world("world_searching") as world:
        edit_model(world.settings.home, {"max_feature_auc = 0.95": "max_feature_auc = 0.60"})
        version = pipeline.train(world.stores, world.run(ENOUGH))
        assert version.choice.losses
        assert FOUND in " ".join(version.choice.suspicions)
    postgres.drop("world_searching")
