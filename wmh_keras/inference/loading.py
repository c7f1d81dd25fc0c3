"""From model folders to a segmenter: the one way."""

from collections.abc import Sequence

from wmh_keras import artifacts
from wmh_keras.inference.engine import Engine
from wmh_keras.inference.ensemble import as_ensemble, common_settings
from wmh_keras.inference.segmenter import BATCH_SIZE, Segmenter
from wmh_keras.model_info import ModelInfo


def load_segmenter(
    infos: Sequence[ModelInfo],
    *,
    threshold: float | None = None,
    min_lesion_mm3: float | None = None,
    batch_size: int = BATCH_SIZE,
    flips: str = "none",
    engine: Engine | None = None,
) -> Segmenter:
    """Loads one model or an ensemble of several.

    Every member of every model has one vote: a model of five members counts
    five times as much as one of a single member.

    Args:
      infos: what `artifacts.read_model_info` returned, in any order.
      threshold: instead of the models' own, where given.
      min_lesion_mm3: likewise.
      batch_size: slices in a batch.
      flips: test-time flips, one of `flips.FLIPS`.
      engine: what `choose_engine` returned; by default the backend that
        Keras has.

    Raises:
      UserError: damaged files; the same model twice; models that differ in
        a setting that is not given.
    """
    infos = as_ensemble(infos)
    settings = common_settings(
        infos, threshold=threshold, min_lesion_mm3=min_lesion_mm3
    )
    models, preprocess = [], []
    for info in infos:
        loaded = _load(info, engine)
        models += loaded
        preprocess += [info.preprocess] * len(loaded)
    return Segmenter(
        models,
        preprocess,
        threshold=settings.threshold,
        min_lesion_mm3=settings.min_lesion_mm3,
        batch_size=batch_size,
        flips=flips,
    )


def _load(info: ModelInfo, engine: Engine | None) -> list:
    if engine is None or engine.name != "openvino":
        return artifacts.load_models(info)
    # Imported by those alone who use it.
    from wmh_keras.inference.openvino_network import load_networks

    return load_networks(info, engine.precision)
