"""No comparison with independent software is skipped without notice.

The tests in `test_crosscheck*.py` are skipped where their software is missing.
`make test` sets WMH_CROSSCHECK, and then all of it has to be there.
"""

import configparser
import importlib
import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Where the import has another name than the distribution.
IMPORT_NAMES = {
    "bids-validator-deno": "bids_validator_deno",
    "scikit-learn": "sklearn",
    "simpleitk": "SimpleITK",
    "surface-distance": "surface_distance",
    "tensorflow-serving-api": "tensorflow_serving",
}


def distributions():
    """Names in the extra, and what the Makefile installs beside it."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = config["options.extras_require"]["crosscheck"].split("\n")
    names = [re.match(r"[\w.-]*", line.strip()).group() for line in lines]
    return [*filter(None, names), "panoptica", "tensorflow-serving-api"]


def test_the_extra_is_read():
    assert {"pingouin", "scikit-learn", "statsmodels"} <= set(distributions())


@pytest.mark.skipif(
    not os.environ.get("WMH_CROSSCHECK"), reason="WMH_CROSSCHECK is not set"
)
@pytest.mark.parametrize("name", distributions())
def test_independent_software_is_installed(name):
    importlib.import_module(IMPORT_NAMES.get(name, name))
