from __future__ import annotations

from datetime import UTC, datetime

import pytest

from perennial.cli.history import read_instant
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
