"""Random volumes that look like lesions."""

import numpy as np
import pytest
from scipy import ndimage


@pytest.fixture
def make_pair():
    """A reference (0/1/2) and a prediction (0/1) that overlap in part."""

    def make(seed, shape=(22, 20, 9), share=0.06, label_2=0.02):
        rng = np.random.default_rng(seed)
        smooth = ndimage.gaussian_filter(rng.random(shape), (1.2, 1.2, 0.5))
        moved = smooth + 0.03 * rng.standard_normal(shape)
        limit = np.quantile(smooth, 1 - share)
        reference = (smooth > limit).astype(np.uint8)
        prediction = (moved > limit).astype(np.uint8)
        reference[rng.random(shape) < label_2] = 2
        return reference, prediction

    return make


@pytest.fixture
def make_scan(make_pair):
    """A reference (0/1/2) and probabilities, with as many levels as asked."""

    def make(seed, levels=None, dtype=np.float32, **options):
        rng = np.random.default_rng(1000 + seed)
        reference, prediction = make_pair(seed, **options)
        noise = rng.random(reference.shape)
        probability = 0.6 * noise + 0.3 * prediction * rng.random() + 0.1
        if levels:
            probability = np.rint(probability * (levels - 1)) / (levels - 1)
        return reference, probability.astype(dtype)

    return make
