"""What networks run on, and in which precision. Imports no framework."""

import dataclasses

from data_prep.errors import UserError
from wmh_keras import distribution

PRECISIONS = ("auto", "fp32", "bf16")


@dataclasses.dataclass(frozen=True)
class Engine:
    """What networks run on.

    Attributes:
      name: "jax", "tensorflow" or "openvino".
      precision: "fp32", or "bf16": about twice the speed on CPUs with bf16
        units, probabilities within 0.02 of those of fp32.
    """

    name: str
    precision: str = "fp32"


def choose_engine(name: str = "auto", precision: str = "auto") -> Engine:
    """Chooses engine and precision, see `distribution.choose_engine`.

    Args:
      name: one of `distribution.ENGINES`.
      precision: one of PRECISIONS. "auto" is bf16 where OpenVINO runs on a
        CPU that has units for it, else fp32.

    Raises:
      UserError: an engine that cannot be had, or not in this precision.
    """
    if precision not in PRECISIONS:
        raise UserError(
            f"precision: expected one of {', '.join(PRECISIONS)}, received "
            f"{precision!r}"
        )
    name = distribution.choose_engine(name)
    if name != "openvino":
        if precision == "bf16":
            raise UserError(
                f"precision: bf16 needs the engine openvino, this is {name}; "
                "take --engine=openvino or --precision=fp32"
            )
        return Engine(name)
    if precision == "fp32":
        return Engine(name)
    from wmh_keras.inference.openvino_network import has_bf16_units

    if has_bf16_units():
        return Engine(name, "bf16")
    if precision == "bf16":
        raise UserError(
            "precision: this CPU has no units for bf16; take --precision=fp32"
        )
    return Engine(name)
