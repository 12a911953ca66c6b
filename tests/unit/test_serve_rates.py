"""The limit of a token, in windows that slide."""

import threading

import pytest
from limits import RateLimitItemPerSecond
from limits.strategies import SlidingWindowCounterRateLimiter

from perennial.serve.rates import WindowCounts

TEN = RateLimitItemPerSecond(10)


class Clock:
    """Seconds as a test sets them."""

    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr("perennial.serve.rates.monotonic", made)
    return made


def count_let_in(limiter, name="shop", tries=30):
    return sum(limiter.hit(TEN, name) for _ in range(tries))


def test_as_many_are_let_in_as_the_limit_says_each_name_for_itself(clock):
    limiter = SlidingWindowCounterRateLimiter(WindowCounts())
    assert [10, 0, 10] == [count_let_in(limiter), count_let_in(limiter), count_let_in(limiter, "mail")]


@pytest.mark.parametrize(("later", "let_in"), [(0.9, 0), (1.0, 0), (1.25, 3), (1.5, 5), (1.99, 10), (2.5, 10), (60.0, 10)])
def test_what_was_let_in_counts_by_the_share_of_its_window_that_is_left(clock, later, let_in):
    limiter = SlidingWindowCounterRateLimiter(WindowCounts())
    count_let_in(limiter)
    clock.now += later
    assert let_in == count_let_in(limiter)


def test_who_is_refused_is_not_counted(clock):
    limiter = SlidingWindowCounterRateLimiter(WindowCounts())
    count_let_in(limiter, tries=1000)
    clock.now += 1.5
    assert 5 == count_let_in(limiter)


def test_a_request_starts_no_thread(monkeypatch):
    started, limiter = [], SlidingWindowCounterRateLimiter(WindowCounts())
    monkeypatch.setattr(threading.Thread, "start", lambda _: started.append(threading.current_thread()))
    count_let_in(limiter)
    assert threading.main_thread() not in started
