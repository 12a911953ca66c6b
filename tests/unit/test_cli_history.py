from __future__ import annotations

from datetime import UTC, datetime

import pytest

from perennial.cli.history import read_instant, shorten
from perennial.errors import ConfigError, UnknownModel


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2017-11-06T12:00+00:00", datetime(2017, 11, 6, 12, tzinfo=UTC)),
        ("2017-11-06T12:00:00Z", datetime(2017, 11, 6, 12, tzinfo=UTC)),
        ("2017-11-06", datetime(2017, 11, 6, 5, tzinfo=UTC)),
        ("2017-11-06 07:30", datetime(2017, 11, 6, 12, 30, tzinfo=UTC)),
    ],
)
def test_an_instant_without_a_zone_is_where_the_model_lives(text, instant):
    assert read_instant("lapse", text) == instant


def test_what_is_no_instant_is_refused_with_an_example():
    with pytest.raises(ConfigError, match="--at 'yesterday' is no instant in ISO 8601, such as 2017-11-06T12:00"):
        read_instant("lapse", "yesterday")


def test_an_instant_of_a_model_that_nobody_declared_is_refused():
    with pytest.raises(UnknownModel):
        read_instant("nobody", "2017-11-06")


MOVEMENT = {
    "at": datetime(2017, 11, 6, 12, tzinfo=UTC),
    "version": 2,
    "before": 1,
    "kind": "promote",
    "status": "applied",
    "by": "airflow",
    "because": "It is better.",
    "rests_until": None,
}


def test_a_movement_is_told_in_five_columns():
    assert list(shorten(MOVEMENT).values()) == [MOVEMENT["at"], "1 > 2", "promote", "airflow", "It is better."]


def test_a_movement_that_was_undone_and_a_version_that_rests_say_so():
    told = shorten({**MOVEMENT, "status": "undone", "rests_until": datetime(2017, 12, 4, tzinfo=UTC)})
    assert (told["kind"], told["because"]) == ("promote, undone", "It is better. It rests until 2017-12-04.")


def test_the_first_champion_had_nobody_before_it():
    assert shorten({**MOVEMENT, "before": None})["version"] == "2"
