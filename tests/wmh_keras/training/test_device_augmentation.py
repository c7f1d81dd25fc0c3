import keras
import numpy as np
import pytest
import tensorflow as tf

from wmh_keras.training.augmentation import augment
from wmh_keras.training.augmentation_config import AugmentationConfig
from wmh_keras.training.device_augmentation import (
    DeviceAugmentation,
    draw_changes,
)

SEED = (3, 14)
NO_NOISE = {
    "vertical_flip": 0.5,
    "horizontal_flip": 0.5,
    "rotation_degrees": 20,
    "contrast": 0.2,
    "scaling": 0.2,
    "translation": 0.1,
    "probability": 0.7,
}

APPEARANCE = {
    "gamma": 0.4,
    "bias_field": 0.3,
    "blur_px": 1.5,
    "sharpening": 0.5,
    "motion_ghosts": 0.5,
}


def make_batch(count=6, side=16):
    rng = np.random.default_rng(0)
    image = rng.normal(size=(count, side, side, 2)).astype(np.float16)
    mask = rng.integers(0, 3, (count, side, side)).astype(np.uint8)
    return image, mask


def changes_of(config, count, side=16, seed=SEED):
    drawn = draw_changes(
        tf.constant(count), tf.constant([side] * 2), tf.constant(seed), config
    )
    return {name: value.numpy() for name, value in drawn.items()}


def on_device(image, mask, config, size=None, seed=SEED):
    changes = changes_of(config, len(image), image.shape[1], seed)
    augmentation = DeviceAugmentation(config, size or image.shape[1:3])
    image, mask = augmentation.apply(
        keras.ops.convert_to_tensor(image),
        keras.ops.convert_to_tensor(mask[..., None]),
        {n: keras.ops.convert_to_tensor(v) for n, v in changes.items()},
    )
    return np.asarray(image), np.asarray(mask)[..., 0]


def on_host(image, mask, config, seed=SEED):
    image, mask = augment(
        tf.cast(image, tf.float32), tf.constant(mask), tf.constant(seed), config
    )
    return image.numpy(), mask.numpy()


@pytest.mark.parametrize("padding", ["zero", "background"])
@pytest.mark.parametrize("seed", [(3, 14), (15, 92)])
def test_the_device_does_what_the_host_does(padding, seed):
    config = AugmentationConfig(**NO_NOISE, padding=padding)
    image, mask = make_batch(count=12)
    expected_image, expected_mask = on_host(image, mask, config, seed)
    new_image, new_mask = on_device(image, mask, config, seed=seed)
    assert new_image.dtype == new_mask.dtype == np.float32
    assert np.abs(expected_image - image).max() > 1
    np.testing.assert_allclose(new_image, expected_image, atol=1e-5)
    np.testing.assert_array_equal(new_mask, expected_mask)


@pytest.mark.parametrize("probability", [0.5, 1.0])
@pytest.mark.parametrize("names", [[n] for n in APPEARANCE] + [[*APPEARANCE]])
def test_the_device_changes_how_slices_look_as_the_host_does(
    names, probability
):
    strengths = {name: APPEARANCE[name] for name in names}
    if names == ["sharpening"]:
        strengths["blur_px"] = 0.7
    config = AugmentationConfig(**strengths, probability=probability)
    image, mask = make_batch(count=12, side=20)
    expected_image, _ = on_host(image, mask, config)
    new_image, new_mask = on_device(image, mask, config)
    changed = (expected_image != image).any(axis=(1, 2, 3))
    assert changed.sum() == 12 if probability == 1 else changed.any()
    if len(names) == 1 and probability < 1:
        assert not changed.all()
        np.testing.assert_array_equal(new_image[~changed], image[~changed])
    np.testing.assert_allclose(new_image, expected_image, atol=2e-5)
    np.testing.assert_array_equal(new_mask, mask)


def test_slices_of_other_sides_and_all_changes_together():
    config = AugmentationConfig(**NO_NOISE, **APPEARANCE, padding="background")
    rng = np.random.default_rng(1)
    image = rng.normal(size=(9, 16, 22, 1)).astype(np.float16)
    mask = rng.integers(0, 3, (9, 16, 22)).astype(np.uint8)
    expected_image, expected_mask = on_host(image, mask, config)
    changes = draw_changes(
        tf.constant(9), tf.constant([16, 22]), tf.constant(SEED), config
    )
    received = DeviceAugmentation(config, (16, 22)).apply(
        keras.ops.convert_to_tensor(image),
        keras.ops.convert_to_tensor(mask[..., None]),
        {n: keras.ops.convert_to_tensor(v.numpy()) for n, v in changes.items()},
    )
    np.testing.assert_allclose(received[0], expected_image, atol=1e-4)
    np.testing.assert_array_equal(received[1][..., 0], expected_mask)


def test_off_is_the_identity():
    image, mask = make_batch()
    new_image, new_mask = on_device(image, mask, AugmentationConfig())
    np.testing.assert_array_equal(new_image, image)
    np.testing.assert_array_equal(new_mask, mask)


def test_what_was_read_beyond_the_patch_is_cut_off():
    image, mask = make_batch()
    new_image, new_mask = on_device(
        image, mask, AugmentationConfig(), size=(8, 12)
    )
    np.testing.assert_array_equal(new_image, image[:, 4:12, 2:14])
    np.testing.assert_array_equal(new_mask, mask[:, 4:12, 2:14])


def test_the_noise_goes_to_the_host_s_slices_with_the_same_distribution():
    config = AugmentationConfig(noise_std=0.3, probability=0.5)
    image, mask = make_batch(count=40)
    host, device = (
        (run(image, mask, config)[0] - image).reshape(40, -1)
        for run in (on_host, on_device)
    )
    noisy = host.any(axis=1)
    assert 10 < noisy.sum() < 30
    np.testing.assert_array_equal(device.any(axis=1), noisy)
    for noise in (host[noisy], device[noisy]):
        assert abs(noise.mean()) < 0.02
        assert abs(noise.std() - 0.3) < 0.01
        assert abs((np.abs(noise) < 0.3).mean() - 0.683) < 0.02
        correlation = np.corrcoef(noise) - np.eye(len(noise))
        assert np.abs(correlation).max() < 0.25


def test_the_amounts_have_the_distribution_that_the_flags_say():
    config = AugmentationConfig(
        contrast=0.2, scaling=0.2, noise_std=0.3, probability=0.5
    )
    changes = changes_of(config, 4000)
    zoom = 1 / changes["matrix"][:, 0]
    for amount in (zoom - 1, changes["contrast"] - 1):
        changed = amount[np.abs(amount) > 1e-6]
        assert abs(len(changed) / 4000 - 0.5) < 0.03
        # Uniform between -0.2 and 0.2: its variance is 0.4² / 12.
        assert abs(changed.mean()) < 0.01
        assert abs(changed.var() / (0.4**2 / 12) - 1) < 0.06
    assert set(np.unique(changes["noise_std"])) == {0, np.float32(0.3)}
    assert abs((changes["noise_std"] > 0).mean() - 0.5) < 0.03
    assert len(np.unique(changes["noise_seed"], axis=0)) == 4000


def test_the_seed_decides_everything():
    config = AugmentationConfig(**NO_NOISE, noise_std=0.1)
    image, mask = make_batch()
    first = on_device(image, mask, config)
    again = on_device(image, mask, config)
    other = on_device(image, mask, config, seed=(3, 15))
    for left, right in zip(first, again, strict=True):
        np.testing.assert_array_equal(left, right)
    assert not np.array_equal(first[0], other[0])


# A batch over four devices is changed as on one, each in its place.
_SHARDED = """
import jax, numpy as np, tensorflow as tf
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from wmh_keras.training.augmentation_config import AugmentationConfig
from wmh_keras.training.device_augmentation import (
    DeviceAugmentation, draw_changes
)

config = AugmentationConfig(
    0.5, 0.5, 20, 0.2, 0.2, 0.1, 0.1, padding="background",
    gamma=0.4, bias_field=0.1, blur_px=1.5, motion_ghosts=0.2,
)
rng = np.random.default_rng(0)
image = rng.normal(size=(8, 16, 16, 1)).astype("float16")
mask = rng.integers(0, 3, (8, 16, 16, 1)).astype("uint8")
changes = draw_changes(
    8, tf.constant([16, 16]), tf.constant([1, 2]), config
)
changes = {name: value.numpy() for name, value in changes.items()}
apply = jax.jit(DeviceAugmentation(config, (16, 16)).apply)
expected = apply(image, mask, changes)

mesh = Mesh(np.array(jax.devices()), "batch")
batch = jax.device_put(
    (image, mask, changes), NamedSharding(mesh, PartitionSpec("batch"))
)
received = apply(*batch)
text = apply.lower(*batch).compile().as_text()
for name in ("all-gather", "all-reduce", "all-to-all"):
    assert name not in text, name
for one, four in zip(expected, received, strict=True):
    assert len(four.sharding.device_set) == 4
    assert {s.data.shape[0] for s in four.addressable_shards} == {2}
    np.testing.assert_allclose(np.asarray(four), np.asarray(one), atol=1e-5)
"""


def test_several_devices_change_their_share_each(run_python, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setenv("XLA_FLAGS", "--xla_force_host_platform_device_count=4")
    # Its text is read: it has to be compiled, and not to come from a cache.
    monkeypatch.setenv("JAX_ENABLE_COMPILATION_CACHE", "false")
    run_python(_SHARDED)
