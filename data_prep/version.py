"""The version of the three packages, and those of what they stand on."""

import contextlib
import importlib.metadata
import platform

__version__ = "0.1.0"

# TensorFlow comes under one name or the other.
_PACKAGES = (
    "connected-components-3d",
    "edt",
    "jax",
    "keras",
    "nibabel",
    "numpy",
    "openvino",
    "scikit-image",
    "scipy",
    "tensorflow",
    "tensorflow-cpu",
    "tensorflow-datasets",
)


def installed_versions() -> dict[str, str]:
    """Returns the versions that results may depend on, by package name."""
    versions = {"wmh-keras": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return versions
