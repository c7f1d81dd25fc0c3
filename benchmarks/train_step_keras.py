"""Trains the U-Net as `wmh-train` does; `train_step.py` starts it."""

import importlib.metadata
import math
import time
from typing import Any

from train_step_task import (
    LESION_PRIOR,
    WARM_UP,
    Task,
    draw_kernel,
    make_batch,
    read_task,
    report,
    wait_for_turn,
)

from wmh_keras import distribution

DTYPES = {"fp32": "float32", "bf16": "mixed_bfloat16"}


def main() -> None:
    """Fits: an epoch is a round."""
    task = read_task()
    distribution.select_backend(task.framework)
    distribution.import_tensorflow()
    devices = distribution.set_up_devices()
    if (devices.kind == "cpu") != (task.device == "cpu"):
        report(
            missing=f"Keras on {task.framework} sees a {devices.kind}, "
            f"not a {task.device}"
        )
        return
    # Only now: Keras takes its backend at its first import.
    from wmh_keras.training import assembly
    from wmh_keras.training.config import TrainingConfig
    from wmh_keras.training.device_augmentation import augment_in_step
    from wmh_keras.training.device_idle import DeviceIdle, UnreadLogs

    config = TrainingConfig(
        backend=task.framework,
        dtype=DTYPES[task.precision],
        lesion_prior=LESION_PRIOR,
    )
    arguments = {"side": task.side, "filters": list(task.filters)}
    model = assembly.compile_model(config, arguments)
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            layer.kernel.assign(draw_kernel(layer.name, layer.kernel.shape))
    if task.augment_on == "device":
        augment_in_step(model, _device_augmentation(task, config))
    idle = DeviceIdle()
    epochs = WARM_UP + task.rounds
    model.fit(
        idle.watch(_batches(task, config)),
        epochs=epochs,
        steps_per_epoch=task.steps,
        verbose=0,
        shuffle=False,
        callbacks=UnreadLogs(
            [idle, _rounds(task, devices)],
            add_history=True,
            model=model,
            epochs=epochs,
            steps=task.steps,
        ),
    )


def _rounds(task: Task, devices: distribution.Devices) -> Any:  # noqa: ANN401
    """The callback that waits for its turn, and times it."""
    import keras

    losses = []  # of the first step, then of each epoch

    class Rounds(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ANN401
            if epoch >= WARM_UP:
                wait_for_turn()
            self.start = time.perf_counter()

        def on_train_batch_end(self, batch: int, logs: Any) -> None:  # noqa: ANN401
            if not losses:
                losses.append(float(logs["loss"]))

        def on_epoch_end(self, epoch: int, logs: Any) -> None:  # noqa: ANN401
            loss = float(logs["loss"])  # waits for the device
            seconds = time.perf_counter() - self.start
            losses.append(loss)
            if epoch >= WARM_UP:
                report(seconds=seconds)
            if epoch + 1 != WARM_UP:
                return
            weights = self.model.trainable_variables
            report(
                losses=losses[:2],
                weights=sum(math.prod(v.shape) for v in weights),
                flops=count_flops(self.model),
                versions=_versions(task),
                device=f"{devices.count} {devices.kind}",
            )

    return Rounds()


def count_flops(model: Any) -> int:  # noqa: ANN401
    """Multiplications and additions to fit one slice, of convolutions alone.

    Forwards, and twice as many backwards: for the kernels and the features.
    """
    return 3 * sum(
        2 * math.prod(layer.kernel.shape) * math.prod(layer.output.shape[1:3])
        for layer in model.layers
        if hasattr(layer, "kernel")
    )


def _versions(task: Task) -> dict[str, str]:
    import tensorflow as tf

    versions = {"keras": importlib.metadata.version("keras")}
    if task.framework == "jax":
        return versions | {"jax": importlib.metadata.version("jax")}
    return versions | {"tensorflow": tf.__version__}


def _device_augmentation(task: Task, config: Any) -> Any:  # noqa: ANN401
    from wmh_keras.training.device_augmentation import DeviceAugmentation
    from wmh_keras.training.streams import augmentation_of

    augmentation = augmentation_of(config, "zero")
    return DeviceAugmentation(augmentation, (task.side, task.side))


def _batches(task: Task, config: Any) -> Any:  # noqa: ANN401
    """The stream of a training, its records already decoded."""
    import tensorflow as tf

    from wmh_keras.training.augmentation import augment
    from wmh_keras.training.device_augmentation import draw_changes
    from wmh_keras.training.streams import augmentation_of

    with tf.device("CPU:0"):
        image, mask = (tf.constant(array) for array in make_batch(task))
        if task.augment_on != "none":
            image = tf.cast(image, tf.float16)
            mask = tf.cast(mask, tf.uint8)[..., 0]
    augmentation = augmentation_of(config, "zero")

    def change(number: tf.Tensor) -> Any:  # noqa: ANN401
        seed = tf.stack([tf.constant(0, tf.int64), number])
        if task.augment_on == "none":
            return image, mask
        if task.augment_on == "device":
            size = tf.shape(image)
            changes = draw_changes(size[0], size[1:3], seed, augmentation)
            return image, mask[..., None], changes
        changed, moved = augment(
            tf.cast(image, tf.float32), mask, seed, augmentation
        )
        return changed, tf.cast(moved, tf.float32)[..., None]

    return (
        tf.data.Dataset.range(tf.int64.max)
        .map(change, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .prefetch(tf.data.AUTOTUNE)
    )


if __name__ == "__main__":
    main()
