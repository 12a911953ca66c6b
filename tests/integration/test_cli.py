"""Every command of `perennial` against the small world: exit codes, data for programs, and messages for people."""

from __future__ import annotations

import getpass
import json
import shutil

import pytest

from perennial.cli.edge import FAULT, REFUSED, USAGE
from tests.world import MODEL, edit_model

DAY = ["--as-of", "2017-06-19", "--simulate"]


# Every stage
def test_every_stage_runs_from_a_shell(inside):
    (snapshot,) = inside.ask("refresh", MODEL, *DAY)
    assert (450, "2017-06-19") == (snapshot["rows"], snapshot["as_of"])
    assert inside.ask("validate", MODEL, *DAY)[0]["passed"]
    assert 450 == inside.ask("score", MODEL, *DAY)[0]["rows"]
    assert not inside.ask("monitor", MODEL, *DAY)[0]["is_drifted"]
    assert "SKIP" == inside.ask("decide", MODEL, *DAY)[0]["choice"]
    (fitted,) = inside.ask("refit", MODEL, *DAY)
    assert ("yes", 1) == (fitted["serves"], fitted["recipe"])
    code, _, said = inside.perennial("train", MODEL, *DAY)
    assert (REFUSED, True) == (code, "no new recipe is looked for" in said)
    by_hand = ("challenge", MODEL, *DAY, "--algorithm", "logistic", "--set", "C=0.01", "--reason", "A person thinks so.")
    trained, verdict = inside.ask(*by_hand)
    assert (2, trained["version"]) == (trained["recipe"], verdict["version"])
    code, _, said = inside.perennial("promote", MODEL, *DAY)
    assert (REFUSED, True) == (code, verdict["outcome"] in said)
    assert [{"cards": 0, "sent": 4, "waiting": 0}] == inside.ask("mail")


# People
def test_an_approval_makes_the_challenger_champion(inside, contenders):
    version = contenders.ask(contenders.assess()).version
    (promotion,) = inside.ask("approve", MODEL, "--reason", "Looks right.")
    assert (version, "promote", True) == (
        promotion["version"],
        promotion["kind"],
        promotion["because"].endswith("(shell). Looks right."),
    )
    assert [(version, "approved", getpass.getuser(), "shell", "Looks right.")] == contenders.questions


def test_a_rejection_keeps_the_champion(inside, contenders):
    version = contenders.ask(contenders.assess()).version
    (question,) = inside.ask("reject", MODEL, str(version))
    assert (version, "rejected") == (question["version"], question["status"])
    assert (contenders.champion, contenders.champion) == contenders.serving


def test_without_a_question_an_approval_is_refused(inside):
    code, _, said = inside.perennial("approve", MODEL)
    assert (REFUSED, True) == (code, "no question waits for a person" in said)


def test_a_promotion_by_force_says_so_in_the_ledger(inside, contenders):
    version = contenders.assess().verdict.challenger_version
    (promotion,) = inside.ask("promote", MODEL, str(version), "--force", "--reason", "The old one is wrong.", *DAY)
    assert ("forced", "The old one is wrong.") == (promotion["kind"], promotion["because"])
    assert getpass.getuser() == inside.world.ask_one("select actor from ledger.promotions where kind = 'forced'")


def test_a_version_that_is_not_registered_is_not_forced(inside):
    code, _, said = inside.perennial("promote", MODEL, "999", "--force", "--reason", "I insist.", *DAY)
    assert (REFUSED, True) == (code, "does not know version 999" in said)


@pytest.mark.parametrize(
    "words",
    [
        ("promote", MODEL, "7", "--force"),
        ("promote", MODEL, "7", "--force", "--reason", " "),
        ("promote", MODEL, "--force", "--reason", "I insist."),
        ("promote", MODEL, "7", "--as-of", "2017-06-19"),
        ("promote", MODEL),
    ],
)
def test_force_without_a_reason_or_a_version_is_wrong_usage(shell, words):
    assert USAGE == shell.perennial(*words)[0]


# Operations
def test_set_up_commands_say_that_everything_is_up_to_date(inside):
    assert (0, "Everything is up to date.\n", "") == inside.perennial("migrate")
    assert (0, "Everything is up to date.\n", "") == inside.perennial("sync", MODEL)


def test_migrations_are_printed_for_a_dba(inside):
    code, out, _ = inside.perennial("migrate", "--sql")
    assert (0, True) == (code, "create table ledger.runs" in out)


def test_models_lists_what_the_home_folder_declares(inside):
    shutil.rmtree(inside.world.settings.home / "models")
    (inside.world.settings.home / "models").mkdir()
    assert (0, "No file in models/.\n", "") == inside.perennial("models")


def test_backfill_builds_every_week(inside):
    built = inside.ask("backfill", MODEL, "--from", "2017-05-29", "--to", "2017-06-05")
    assert ["2017-05-29", "2017-06-05"] == [snapshot["as_of"] for snapshot in built]


def test_bootstrap_of_a_past_day_names_the_option_that_puts_the_clock_there(inside):
    code, _, said = inside.perennial("bootstrap", MODEL, "--as-of", "2017-06-12")
    assert USAGE == code
    assert "with --simulate the clock stands on that day" in " ".join(said.replace("│", " ").split())


def test_bootstrap_of_a_model_with_a_champion_has_nothing_left_to_do(inside):
    code, out, said = inside.perennial("bootstrap", MODEL, "--as-of", "2017-06-12", "--simulate", "--json")
    made = [json.loads(line) for line in out.splitlines()]
    assert (0, "", 1, "promote") == (code, said, made[-1]["version"], made[-1]["kind"])


def test_replay_of_no_week_is_refused_with_the_nearest(inside):
    code, _, said = inside.perennial("replay", MODEL, "--from", "2017-06-20", "--to", "2017-06-21")
    assert FAULT == code
    assert "no as_of that teaches lies from 2017-06-20 to 2017-06-21; the nearest are 2017-06-19 and 2017-06-26." in said


def test_a_model_card_is_printed_and_written_as_a_page(inside, tmp_path):
    page = tmp_path / "card.html"
    code, out, _ = inside.perennial("card", MODEL, "--html", str(page))
    assert (0, True) == (code, out.startswith(f"# {MODEL}, version "))
    assert "0 of 4 as_ofs after its promotion have matured" in page.read_text(encoding="utf-8")


def test_who_was_champion_is_told_with_the_reason(inside):
    (champion,) = inside.ask("champion", MODEL)
    (movement,) = inside.ask("history", MODEL)
    assert (champion["version"], "promote") == (movement["version"], movement["kind"])
    assert (champion["since"], champion["because"]) == (movement["at"], movement["because"])
    assert [champion] == inside.ask("champion", MODEL, "--at", champion["since"])


def test_before_the_first_promotion_nobody_was_champion(inside):
    code, _, said = inside.perennial("champion", MODEL, "--at", "2017-06-12")
    assert (REFUSED, "lapse: nobody was champion at 2017-06-12 00:00:00 EDT.\n") == (code, said)


def test_an_instant_that_is_none_is_wrong_usage(inside):
    assert USAGE == inside.perennial("champion", MODEL, "--at", "yesterday")[0]


def test_a_rollback_in_a_simulation_starts_the_cooldown_on_its_day(inside, contenders):
    version = contenders.assess().verdict.challenger_version
    inside.ask("promote", MODEL, str(version), "--force", "--reason", "A test wants it.", *DAY)
    (back,) = inside.ask("rollback", MODEL, *DAY)
    assert (contenders.champion, version, "rollback") == (back["version"], back["before"], back["kind"])
    rests = {movement["version"]: movement["rests_until"] for movement in inside.ask("history", MODEL)}
    assert {contenders.champion: None, version: "2017-07-17 10:00:00+00:00"} == rests


def test_rollback_without_a_former_champion_is_refused(inside):
    code, _, said = inside.perennial("rollback", MODEL)
    assert (REFUSED, True) == (code, "there is no champion before version" in said)


def test_reconcile_says_that_no_day_was_lost(inside):
    assert (0, "No day was lost.\n", "") == inside.perennial("reconcile", MODEL, *DAY)


def test_a_decision_to_train_says_how_to_and_reconcile_does(inside):
    edit_model(inside.world.settings.home, {"max_fit_age_days = 35": "max_fit_age_days = 1"})
    for stage in ("refresh", "validate", "score", "monitor"):
        inside.ask(stage, MODEL, *DAY)
    code, out, said = inside.perennial("decide", MODEL, *DAY)
    assert (0, True) == (code, "TRAIN" in out)
    assert f"`perennial reconcile {MODEL} {' '.join(DAY)}` starts the training" in said
    assert [("train", "done")] == [(row["missing"], row["outcome"]) for row in inside.ask("reconcile", MODEL, *DAY)]


def test_a_lost_day_that_cannot_be_started_is_a_fault(inside):
    for stage in ("refresh", "validate"):
        inside.ask(stage, MODEL, *DAY)
    code, out, _ = inside.perennial("reconcile", MODEL, "--as-of", "2017-06-19", "--json")
    assert (FAULT, True) == (code, "features.freshness_hours" in out)


# What goes wrong
def test_a_live_run_before_the_day_has_settled_is_refused(inside):
    code, _, said = inside.perennial("refresh", MODEL, "--as-of", "2999-01-07")
    assert (REFUSED, True) == (code, "settle" in said)


def test_a_stage_without_its_snapshot_is_a_fault_that_says_what_to_run(inside):
    code, _, said = inside.perennial("validate", MODEL, *DAY)
    assert (FAULT, True) == (code, f"run `perennial refresh {MODEL} --as-of 2017-06-19` first" in said)


def test_a_database_that_is_down_is_a_fault(inside):
    inside.patch.setenv("PERENNIAL_WAREHOUSE_URL", "postgresql+psycopg2://pipeline@127.0.0.1:1/warehouse")
    code, _, said = inside.perennial("refresh", MODEL, *DAY)
    assert (FAULT, True) == (code, "does not answer" in said)


def test_an_unknown_model_is_wrong_usage(inside):
    code, _, said = inside.perennial("refresh", "laps", *DAY)
    assert (USAGE, True) == (code, "laps" in said)


def test_an_unknown_key_names_the_file_the_key_and_the_cure(inside):
    edit_model(inside.world.settings.home, {"trials = 2": "trails = 2"})
    code, _, said = inside.perennial("refresh", MODEL, *DAY)
    assert USAGE == code
    assert "lapse.toml" in said
    assert "trails" in said


@pytest.mark.parametrize("words", [("refresh", MODEL, "--as-of", "19.6.2017"), ("refresh", MODEL), ("refrehs", MODEL)])
def test_a_bad_date_a_missing_date_and_an_unknown_command_are_wrong_usage(shell, words):
    assert USAGE == shell.perennial(*words)[0]


def test_without_an_installation_the_message_says_how_to_get_one(shell, tmp_path):
    shell.patch.setenv("PERENNIAL_VAR", str(tmp_path))
    code, _, said = shell.perennial("refresh", MODEL, *DAY)
    assert (USAGE, True) == (code, "perennial up" in said)
