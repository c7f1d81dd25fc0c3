"""Loading networks as late as possible: Keras takes seconds to import."""

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from wmh_keras import distribution
from wmh_keras.inference.engine import Engine, choose_engine
from wmh_keras.model_info import ModelInfo

if TYPE_CHECKING:
    # At run time this would import keras before the engine is chosen.
    from wmh_keras.inference.segmenter import Segmenter


def segmenter_loader(
    *, engine: str, precision: str, batch_size: int, flips: str
) -> "Callable[[Sequence[ModelInfo]], Segmenter]":
    """Returns what loads models, one or an ensemble at a time.

    For programs that read prepared data, with TensorFlow. The engine is chosen
    at the first call, and imported then.

    Args:
      engine: one of `distribution.ENGINES`.
      precision: one of `engine.PRECISIONS`.
      batch_size: slices in a batch.
      flips: test-time flips, one of `flips.FLIPS`.
    """

    # Once: what is loaded by then must not decide for the next model.
    @functools.cache
    def chosen() -> Engine:
        found = choose_engine(engine, precision)
        distribution.import_tensorflow()
        if found.name == "jax":
            distribution.hide_accelerators_from_tensorflow()
        return found

    def load_segmenter(infos: Sequence[ModelInfo]) -> "Segmenter":
        found = chosen()
        from wmh_keras.inference import loading

        return loading.load_segmenter(
            infos, batch_size=batch_size, flips=flips, engine=found
        )

    return load_segmenter
