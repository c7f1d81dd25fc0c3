"""The map in threads keeps order and bounds what is in flight."""

import threading
import time

import pytest

from data_prep.dataset.ordered_map import ordered_map


def test_results_come_in_order():
    def late_first(item):
        time.sleep(0.02 if item == 0 else 0)
        return item * item

    assert list(ordered_map(late_first, range(9), 3)) == [
        n * n for n in range(9)
    ]
    assert list(ordered_map(late_first, [], 3)) == []


def test_no_more_is_begun_than_there_are_places():
    begun = []
    results = ordered_map(lambda item: begun.append(item) or item, range(99), 4)
    next(results)
    time.sleep(0.05)
    assert len(begun) <= 5
    results.close()


def test_work_is_done_at_the_same_time():
    meeting = threading.Barrier(3, timeout=10)
    assert len(list(ordered_map(lambda _: meeting.wait(), range(3), 3))) == 3


def test_an_error_comes_in_its_turn():
    results = ordered_map(lambda item: 1 / (3 - item), range(9), 2)
    assert [next(results) for _ in range(3)] == [1 / 3, 1 / 2, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
