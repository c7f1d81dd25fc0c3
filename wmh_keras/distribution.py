"""The backend, the devices, and keeping TensorFlow off the accelerator."""

import contextlib
import dataclasses
import importlib.metadata
import importlib.util
import os
import sys
import tempfile
from collections.abc import Iterator

from data_prep.errors import UserError
from wmh_keras.process_group import ProcessGroup

BACKENDS = ("jax", "tensorflow")
ENGINES = ("auto", "openvino", *BACKENDS)


@dataclasses.dataclass(frozen=True)
class Devices:
    """What a training runs on.

    Attributes:
      backend: "jax" or "tensorflow".
      kind: Such as "cpu" or "gpu".
      count: Devices that share each batch.
      processes: That have them, in equal numbers.
    """

    backend: str
    kind: str
    count: int
    processes: int = 1


def select_backend(backend: str) -> None:
    """Makes Keras use this backend from its first import on.

    Args:
      backend: One of BACKENDS.

    Raises:
      UserError: An unknown backend, or Keras has already been imported with
        another one, which cannot be changed within a process.
    """
    if backend not in BACKENDS:
        raise UserError(
            f"backend: expected one of {', '.join(BACKENDS)}, received "
            f"{backend!r}"
        )
    loaded = _loaded_backend()
    if loaded is not None and loaded != backend:
        raise UserError(
            f"backend: expected {backend}, but Keras already runs on {loaded} "
            "in this process; start a new process, with KERAS_BACKEND="
            f"{backend} in its environment if it imports Keras first"
        )
    os.environ["KERAS_BACKEND"] = backend


def choose_engine(engine: str) -> str:
    """Chooses what predictions run on; a backend of Keras is selected.

    Args:
      engine: One of ENGINES. "auto" takes JAX where it sees an accelerator,
        else OpenVINO where it is installed, which is the fastest on CPUs,
        else TensorFlow, which is twice as fast there as JAX; where Keras is
        already loaded, its backend.

    Returns:
      "jax", "tensorflow" or "openvino". The last runs without Keras.

    Raises:
      UserError: An unknown engine, one that is not installed, or Keras
        already runs on another backend.
    """
    if engine not in ENGINES:
        raise UserError(
            f"engine: expected one of {', '.join(ENGINES)}, received {engine!r}"
        )
    if engine == "auto":
        engine = _loaded_backend() or _fastest_engine()
    if engine == "openvino":
        if not _is_installed("openvino"):
            raise UserError(
                "engine openvino: the package openvino is not installed; "
                "install it (pip install openvino), or take "
                "--engine=tensorflow"
            )
        return engine
    select_backend(engine)
    if engine == "tensorflow":
        import_tensorflow()
    return engine


def import_tensorflow() -> None:
    """Imports TensorFlow without the greetings of its C++ libraries.

    They go to the file descriptor of stderr, past any setting, and bury what
    a program has to say. Where the import fails they are shown after all.
    Call it after `select_backend`, since TensorFlow imports Keras.
    """
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.stderr.flush()
    stderr = os.dup(2)
    try:
        with tempfile.TemporaryFile() as greetings:
            os.dup2(greetings.fileno(), 2)
            try:
                import tensorflow  # noqa: F401
            except BaseException:
                greetings.seek(0)
                os.write(stderr, greetings.read())
                raise
            finally:
                os.dup2(stderr, 2)
    finally:
        os.close(stderr)


def set_up_devices(group: ProcessGroup | None = None) -> Devices:
    """Spreads the training over all devices; call before a model is built.

    On JAX every device gets an equal share of each batch (data parallelism);
    the batch statistics and the gradients are those of the whole batch, so
    the result is the same as on one device. Accelerators are hidden from
    TensorFlow, which only reads data there and would take their memory. On
    TensorFlow the training runs on one device.

    Args:
      group: The processes that train together; by default this one.

    Returns:
      What the training runs on, the devices of all processes together.

    Raises:
      UserError: The processes have different numbers of devices.
    """
    group = group or ProcessGroup()
    # Heavy, and select_backend has to come first.
    import keras

    backend = keras.backend.backend()
    if backend != "jax":
        import tensorflow as tf

        accelerators = tf.config.get_visible_devices("GPU")
        return Devices(backend, "gpu" if accelerators else "cpu", 1)
    import jax

    hide_accelerators_from_tensorflow()
    counts = group.gather(jax.local_device_count())
    if len(set(counts)) > 1:
        raise UserError(
            "expected the same number of devices in every process, which get "
            f"equal parts of a batch; process by process there are {counts}"
        )
    # Process by process, so that each makes one piece of every batch.
    devices = sorted(jax.devices(), key=lambda d: (d.process_index, d.id))
    keras.distribution.set_distribution(
        keras.distribution.DataParallel(
            devices=[f"{d.platform}:{d.id}" for d in devices],
            auto_shard_dataset=False,
        )
    )
    return Devices(backend, devices[0].platform, len(devices), group.count)


@contextlib.contextmanager
def without_others() -> Iterator[None]:
    """Lets one of several processes do something on its own.

    Variables that Keras makes meanwhile, as it does for saving weights, are
    not spread over all devices, for which the other processes would have to
    make them as well.
    """
    import keras

    spread = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(spread)


def hide_accelerators_from_tensorflow() -> None:
    """Leaves TensorFlow the CPU alone; call before its first operation.

    Raises:
      UserError: TensorFlow has already taken an accelerator.
    """
    import tensorflow as tf

    for kind in ("GPU", "TPU"):
        try:
            tf.config.set_visible_devices([], kind)
        except RuntimeError as error:
            raise UserError(
                f"TensorFlow has already taken the {kind}, which JAX needs: "
                "run this before any TensorFlow operation, in a process of "
                "its own"
            ) from error


def check_batch_size(global_batch_size: int, num_devices: int) -> None:
    """Checks that every device gets an equal share of a batch.

    Raises:
      UserError: The number of devices does not divide the batch.
    """
    if global_batch_size < 1 or global_batch_size % num_devices:
        lower = global_batch_size - global_batch_size % num_devices
        around = [n for n in (lower, lower + num_devices) if n > 0]
        raise UserError(
            f"global_batch_size: expected a multiple of the {num_devices} "
            f"devices, received {global_batch_size}; take "
            f"{' or '.join(map(str, around))}"
        )


def _loaded_backend() -> str | None:
    keras = sys.modules.get("keras")
    # While Keras is still being imported it has no `backend` yet.
    return keras.backend.backend() if hasattr(keras, "backend") else None


def _fastest_engine() -> str:
    if _may_have_accelerator():
        import jax

        if jax.default_backend() != "cpu":
            return "jax"
    return "openvino" if _is_installed("openvino") else "tensorflow"


def _may_have_accelerator() -> bool:
    """Whether JAX is installed for more than CPUs; importing it takes time.

    JAX knows accelerators from plugins alone, which it finds in these places.
    """
    return (
        _is_installed("libtpu")
        or _is_installed("jax_plugins")
        or bool(importlib.metadata.entry_points(group="jax_plugins"))
    )


def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None
