"""What networks run on, and in which precision. Imports no framework."""

import dataclasses

from data_prep.errors import UserError
from wmh_keras import distribution

PRECISIONS = ("fp32", "bf16")


@dataclasses.dataclass(frozen=True)
class Engine:
    """What networks run on.

    Attributes:
      name: "jax", "tensorflow" or "openvino".
      precision: "fp32", or "bf16": about twice the speed on CPUs with bf16
        units, probabilities some hundredths off those of fp32.
    """

    name: str
    precision: str = "fp32"


def choose_engine(name: str = "auto", precision: str = "fp32") -> Engine:
    """Chooses engine and precision, see `distribution.choose_engine`.

    Args:
      name: one of `distribution.ENGINES`.
      precision: one of PRECISIONS.

    Raises:
      UserError: an engine that cannot be had, or not in this precision.
    """
    if precision not in PRECISIONS:
        raise UserError(
            f"precision: expected one of {', '.join(PRECISIONS)}, received "
            f"{precision!r}"
        )
    name = distribution.choose_engine(name)
    if precision == "bf16":
        _check_bf16(name)
    return Engine(name, precision)


def _check_bf16(engine: str) -> None:
    if engine != "openvino":
        raise UserError(
            f"precision: bf16 needs the engine openvino, this is {engine}; "
            "take --engine=openvino or --precision=fp32"
        )
    from wmh_keras.inference.openvino_network import has_bf16_units

    if not has_bf16_units():
        raise UserError(
            "precision: this CPU has no units for bf16; take --precision=fp32"
        )
