"""What the tests share."""

import atexit
import os
import shutil
import signal
import tempfile
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("MPLBACKEND", "Agg")
# Tests train the same small networks again and again, in this process and in
# others. What was compiled once in a run of the tests is used again in it.
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    _compiled = tempfile.mkdtemp(prefix="wmh_compiled_")
    atexit.register(shutil.rmtree, _compiled, ignore_errors=True)
    os.environ["JAX_COMPILATION_CACHE_DIR"] = _compiled
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.2"

import pytest

# Some tests press Ctrl-C or close the terminal. A shell that starts them in the
# background, and nohup, have that ignored in them and in all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def realdata_dir() -> Path:
    """Real volumes with masks; they are not part of the repository."""
    folder = Path(
        os.environ.get("WMH_REALDATA", ROOT.parent / "shared/realdata")
    )
    if not (folder / "dataset_description.json").exists():
        pytest.skip("no real volumes here; WMH_REALDATA names their folder")
    return folder


@pytest.fixture(scope="session")
def realdata_extra_dir(realdata_dir: Path) -> Path:
    """Unlabelled FLAIR with sessions, beside the real volumes."""
    folder = realdata_dir.parent / "realdata_extra"
    if not folder.exists():
        pytest.skip("no further real volumes here")
    return folder


@pytest.fixture(scope="session")
def phantom_cohort(tmp_path_factory) -> Path:
    """A BIDS data set of eight synthetic heads with masks."""
    from data_prep.phantom import write_cohort

    folder = tmp_path_factory.mktemp("phantoms") / "cohort"
    write_cohort(folder, num_subjects=8, seed=1)
    return folder
