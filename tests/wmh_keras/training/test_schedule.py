import json

import numpy as np

from wmh_keras.training.schedule import Schedule, cosine_rate


def follow(scores, schedule=None, **arguments):
    schedule = schedule or Schedule(**arguments)
    decisions = {
        epoch: schedule.update(epoch, dice) for epoch, dice in scores.items()
    }
    return schedule, decisions


def test_the_best_is_noted_and_a_tie_is_no_improvement():
    schedule, decisions = follow(
        {1: 0.0, 2: 0.5, 3: 0.5, 4: 0.6}, plateau_epochs=0, stop_epochs=0
    )
    assert [d.improved for d in decisions.values()] == [True, True, False, True]
    assert (schedule.best, schedule.best_epoch) == (0.6, 4)


def test_the_rate_is_reduced_after_each_run_of_epochs_without_improvement():
    scores = {1: 0.5} | {epoch: 0.4 for epoch in range(2, 9)} | {9: 0.6, 10: 0}
    _, decisions = follow(scores, plateau_epochs=3, stop_epochs=0)
    reduced = [epoch for epoch, d in decisions.items() if d.reduce]
    assert reduced == [4, 7]


def test_training_ends_after_so_many_epochs_past_the_best():
    schedule, decisions = follow(
        {1: 0.5, 2: 0.6, 3: 0.1, 4: 0.2, 5: 0.3},
        plateau_epochs=1,
        stop_epochs=3,
    )
    assert [e for e, d in decisions.items() if d.stop] == [5]
    assert schedule.stopped


def test_epochs_are_counted_where_not_every_one_is_validated():
    _, decisions = follow(
        {2: 0.5, 4: 0.4, 6: 0.4, 8: 0.4}, plateau_epochs=4, stop_epochs=6
    )
    assert [e for e, d in decisions.items() if d.reduce] == [6]
    assert [e for e, d in decisions.items() if d.stop] == [8]


def test_a_restored_schedule_goes_on_as_if_nothing_had_happened():
    scores = dict(enumerate([0.3, 0.5, 0.4, 0.4, 0.45, 0.2, 0.6, 0.1], 1))
    arguments = {"plateau_epochs": 2, "stop_epochs": 4}
    unbroken, expected = follow(scores, **arguments)
    for cut in range(1, 8):
        first = {e: s for e, s in scores.items() if e <= cut}
        rest = {e: s for e, s in scores.items() if e > cut}
        stopped, _ = follow(first, **arguments)
        state = json.loads(json.dumps(stopped.to_json()))
        restored = Schedule(**arguments)
        restored.restore(state)
        restored, decisions = follow(rest, restored)
        assert decisions == {e: expected[e] for e in rest}
        assert restored.to_json() == unbroken.to_json()


def test_the_cosine_starts_at_the_rate_halves_midway_and_stays_at_its_end():
    rates = [cosine_rate(0.4, epoch, epochs=4) for epoch in range(6)]
    # 0.4 times (1 + cos) / 2 of 0, 45, 90 and 135 degrees.
    expected = [0.4, 0.3414214, 0.2, 0.0585786, 0.0585786, 0.0585786]
    np.testing.assert_allclose(rates, expected, atol=1e-7)
