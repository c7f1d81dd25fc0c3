"""The signature by which a served model says what it is."""

from collections.abc import Callable

import tensorflow as tf

from wmh_keras.serving.description import (
    DESCRIBE_INPUT,
    DESCRIBE_OUTPUT,
    Description,
)


def describe_function(description: Description) -> Callable:
    """Makes the function to save under the name `description.DESCRIBE`.

    Args:
      description: what the model is.

    Returns:
      A concrete function: `which` int32 (b,) -> `description` string (b,).
    """
    text = description.to_json()

    def describe(which: tf.Tensor) -> dict[str, tf.Tensor]:
        # As many as asked for, since a server may join requests.
        return {DESCRIBE_OUTPUT: tf.fill(tf.shape(which), text)}

    return tf.function(describe, autograph=False).get_concrete_function(
        tf.TensorSpec((None,), tf.int32, DESCRIBE_INPUT)
    )
