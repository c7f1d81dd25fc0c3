"""Networks that are built at once."""

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def kernels_drawn_by_numpy(monkeypatch):
    """JAX compiles a program for each shape that it draws: many seconds."""
    import keras

    rng = np.random.default_rng(0)

    def draw(self, shape, dtype=None, **_):
        return 0.3 * rng.standard_normal(shape, np.float32)

    monkeypatch.setattr(keras.initializers.GlorotUniform, "__call__", draw)
