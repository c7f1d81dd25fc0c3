"""Steps without waiting for each other, and what the device waits for.

On an accelerator a step is only queued when Keras's loop has started it. To
read its loss would wait until it is done, and the device would have nothing to
do meanwhile. Keras's own list of callbacks does so after every step.
"""

import concurrent.futures
import time
from typing import Any

import keras
import numpy as np
import tensorflow as tf

Logs = dict[str, Any]


class UnreadLogs(keras.callbacks.CallbackList):
    """Hands the logs of a step on as they are: on the device, maybe not done.

    `float(logs["loss"])` waits for the step; the callbacks do it now and then.
    """

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Calls the callbacks."""
        for callback in self.callbacks:
            callback.on_train_batch_end(batch, logs)


class DeviceIdle(keras.callbacks.Callback):
    """Logs the share of an epoch in which the device had no batch to work on.

    A step's wait counts from the request of its batch, or from the end of the
    step before where that is later, until the batch is there. Where a backend
    starts a step only after the one before, as on a CPU, that is all the time
    that the loop waits for data. Compiling is part of the first epoch.

    Never more than two steps are queued, so that Ctrl-C does not take long
    and queued batches take no memory.
    """

    def __init__(self) -> None:
        """Makes the clock that `watch` puts into a stream."""
        super().__init__()
        with tf.device("CPU:0"):  # where tf.data runs
            self._times = tf.Variable([0.0, 0.0], dtype=tf.float64)
        self._reader = concurrent.futures.ThreadPoolExecutor(1)

    def watch(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        """Notes when each batch is asked for, and when it comes.

        Args:
          batches: The stream; its last stage prefetches.

        Returns:
          The same batches.
        """

        def note_arrival(requested: tf.Tensor, batch: Any) -> Any:  # noqa: ANN401
            times = tf.stack([requested, tf.timestamp()])
            with tf.control_dependencies([self._times.assign(times)]):
                return tf.nest.map_structure(tf.identity, batch)

        # A zip asks its parts in order.
        requests = tf.data.Dataset.range(tf.int64.max).map(
            lambda _: tf.timestamp()
        )
        options = tf.data.Options()
        # One after this stage would ask for the batches ahead of the loop.
        options.experimental_optimization.inject_prefetch = False
        return (
            tf.data.Dataset.zip(requests, batches)
            .map(note_arrival)
            .with_options(options)
        )

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Starts the clock."""
        self._started = time.time()
        self._idle_seconds = 0.0
        self._step: concurrent.futures.Future[float] | None = None

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Adds the wait of this step, after the one before is done."""
        requested, arrived = self._times.numpy()
        before = self._step
        self._step = self._reader.submit(_wait_for, logs["loss"])
        free_since = self._started if before is None else before.result()
        self._idle_seconds += max(0.0, arrived - max(requested, free_since))

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Adds data_wait_share, 0 to 1."""
        seconds = time.time() - self._started
        logs["data_wait_share"] = min(1.0, self._idle_seconds / seconds)


def _wait_for(loss: Any) -> float:  # noqa: ANN401
    """Returns the time at which a step is done."""
    np.asarray(loss)
    return time.time()
