"""A network as a compiled function of its present weights.

`keras.Model.predict` builds a data pipeline, calls callbacks and, on JAX,
copies the weights on every call; for one volume at a time that costs more
than it gives. A function that is compiled once and called a batch at a time
has no such overhead.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from wmh_keras.inference.network import Network, PredictBatch


def keras_network(model: keras.Model) -> Network:
    """Makes a Keras model ready to run on its backend.

    The weights are read at every call, never baked in: during training the
    function sees what the optimizer has just written, without compiling
    again. Batch normalisation uses its moving statistics. The sigmoid is
    applied once, in float32, whatever precision the network computes in.

    Args:
      model: (b, h, w, c) in, logits (b, h, w, 1) out; or (b, d, h, w, c) in,
        logits (b, d, h, w, 1) out.

    Returns:
      The network; compiling waits for the first batch.

    Raises:
      ValueError: Keras runs on a backend other than JAX and TensorFlow.
    """
    backend = keras.backend.backend()
    if backend == "jax":
        predict = _compile_jax(model)
    elif backend == "tensorflow":
        predict = _compile_tensorflow(model)
    else:
        raise ValueError(f"expected Keras on jax or tensorflow, got {backend}")
    return Network(
        input_shape=tuple(model.input_shape),
        predict=predict,
        engine=backend,
        num_devices=_count_devices(),
    )


def _count_devices() -> int:
    """Counts those of this process, which predicts on its own ones alone."""
    distribution = keras.distribution.distribution()
    if distribution is None:
        return 1
    import jax

    devices = int(np.prod(distribution.device_mesh.shape))
    return devices // jax.process_count()


def _compile_jax(model: keras.Model) -> PredictBatch:
    import jax

    place, fetch = _place, _value
    if jax.process_count() > 1:
        place, fetch = _place_locally(jax.local_devices())

    @jax.jit
    def forward(trainable: list, fixed: list, batch: jax.Array) -> jax.Array:
        logits, _ = model.stateless_call(
            trainable, fixed, batch, training=False
        )
        return _probability(logits)

    def predict(batch: np.ndarray) -> np.ndarray:
        trainable = [fetch(v) for v in model.trainable_variables]
        fixed = [fetch(v) for v in model.non_trainable_variables]
        return np.asarray(forward(trainable, fixed, place(batch)))

    return predict


def _compile_tensorflow(model: keras.Model) -> PredictBatch:
    import tensorflow as tf

    # No XLA: on a CPU it halves the speed of convolutions.
    @tf.function(jit_compile=False, autograph=False)
    def forward(batch: tf.Tensor) -> tf.Tensor:
        return _probability(model(batch, training=False))

    def predict(batch: np.ndarray) -> np.ndarray:
        return forward(tf.convert_to_tensor(batch)).numpy()

    return predict


def _place(batch: np.ndarray) -> np.ndarray:
    """Spreads a batch over the devices; left as it is, each gets all of it."""
    distribution = keras.distribution.distribution()
    if distribution is None:
        return batch
    layout = distribution.get_data_layout(batch.shape)
    return keras.distribution.distribute_tensor(batch, layout)


def _value(variable: keras.Variable) -> Any:  # noqa: ANN401
    return variable.value


def _place_locally(devices: list) -> tuple[Callable, Callable]:
    """Keeps a prediction within the devices of this process.

    Each of several processes then predicts volumes of its own, at its own
    pace.

    Returns:
      What spreads a batch over these devices, and what takes the copies of a
      weight that they hold anyway.
    """
    import jax
    from jax.sharding import Mesh, NamedSharding, PartitionSpec

    mesh = Mesh(np.asarray(devices), ("batch",))
    shared = NamedSharding(mesh, PartitionSpec("batch"))
    copied = NamedSharding(mesh, PartitionSpec())

    def place(batch: np.ndarray) -> jax.Array:
        return jax.device_put(batch, shared)

    def fetch(variable: keras.Variable) -> jax.Array:
        copies = [shard.data for shard in variable.value.addressable_shards]
        return jax.make_array_from_single_device_arrays(
            tuple(variable.shape), copied, copies
        )

    return place, fetch


def _probability(logits):  # noqa: ANN001, ANN202  (a backend's own tensor)
    logits = keras.ops.cast(logits, "float32")
    return keras.ops.sigmoid(logits[..., 0])
