import time

import keras
import numpy as np
import pytest
import tensorflow as tf

from wmh_keras.training.device_idle import DeviceIdle, UnreadLogs


class Step:
    """The loss of a step that is done some time after it was started."""

    def __init__(self, seconds, after=None):
        started = max(time.time(), after.done_at if after else 0.0)
        self.done_at = started + seconds

    def __array__(self, dtype=None, copy=None):
        time.sleep(max(0.0, self.done_at - time.time()))
        return np.zeros((), dtype)


def run(data_seconds, step_seconds, steps=8, queued=True):
    """One epoch of steps on a device that works on what is queued."""

    def wait(number):
        time.sleep(data_seconds)
        return number

    batches = (
        tf.data.Dataset.range(steps)
        .map(lambda n: tf.numpy_function(wait, [n], tf.int64))
        .prefetch(1)
    )
    idle, step, logs = DeviceIdle(), None, {}
    iterator = iter(idle.watch(batches))
    idle.on_epoch_begin(0)
    for number, _ in enumerate(iterator):
        step = Step(step_seconds, after=step)
        if not queued:
            np.asarray(step)
        idle.on_train_batch_end(number, {"loss": step})
    np.asarray(step)
    idle.on_epoch_end(0, logs)
    return logs["data_wait_share"]


@pytest.mark.parametrize("queued", [True, False])
def test_a_device_that_is_slower_than_the_data_is_hardly_idle(queued):
    # It waits for the first batch only.
    assert run(0.02, 0.15, queued=queued) < 0.3


@pytest.mark.parametrize("queued", [True, False])
def test_the_wait_does_not_count_while_the_device_works(queued):
    # The next batch is made meanwhile, so about half of the time is idle.
    assert 0.25 < run(0.2, 0.1, queued=queued) < 0.75


def test_a_device_much_faster_than_the_data_is_idle_nearly_always():
    assert run(0.2, 0.0) > 0.75


def test_the_batches_are_the_same_and_asked_for_one_at_a_time():
    batches = tf.data.Dataset.range(5).batch(2).prefetch(1)
    watched = DeviceIdle().watch(batches)
    assert watched.cardinality() == 3
    for left, right in zip(batches, watched, strict=True):
        np.testing.assert_array_equal(left, right)


def test_the_losses_of_steps_are_not_read():
    class Unreadable:
        def __array__(self, dtype=None, copy=None):
            raise AssertionError("waits for the device")

        __float__ = __array__

    class Keep(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.logs = logs

    keep, loss = Keep(), Unreadable()
    UnreadLogs([keep]).on_train_batch_end(0, {"loss": loss})
    assert keep.logs == {"loss": loss}


def test_a_failed_step_is_told_of():
    class Failed:
        def __array__(self, dtype=None, copy=None):
            raise RuntimeError("out of memory")

    idle = DeviceIdle()
    idle.on_epoch_begin(0)
    idle.on_train_batch_end(0, {"loss": Failed()})
    with pytest.raises(RuntimeError, match="out of memory"):
        idle.on_train_batch_end(1, {"loss": 0.0})
