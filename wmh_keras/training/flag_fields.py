"""Fields of a config that a program offers as flags."""

import dataclasses
import math
from typing import Any

from data_prep.errors import UsageError


def flag(
    default: Any,  # noqa: ANN401
    text: str,
    *,
    choices: tuple[str, ...] = (),
    lowest: float = 0,
    highest: float = math.inf,
) -> Any:  # noqa: ANN401
    """Declares a field that the program offers as a flag of the same name."""
    metadata = {
        "help": text,
        "choices": choices,
        "lowest": lowest,
        "highest": highest,
    }
    return dataclasses.field(default=default, metadata=metadata)


def check_field(field: dataclasses.Field, value: Any) -> None:  # noqa: ANN401
    """Checks a value against the choices or the range of its field.

    Raises:
      UsageError: It does not fit; names the flag.
    """
    choices = field.metadata["choices"]
    if choices and value not in choices:
        raise UsageError(
            f"--{field.name}: expected one of {', '.join(choices)}, received "
            f"{value!r}"
        )
    lowest, highest = field.metadata["lowest"], field.metadata["highest"]
    numbers = value if isinstance(value, tuple) else (value,)
    for number in numbers:
        is_number = isinstance(number, int | float)
        # NaN fits no range, and infinity is no value to train with.
        fits = (
            is_number
            and math.isfinite(number)
            and (lowest <= number <= highest)
        )
        if is_number and not fits:
            raise UsageError(
                f"--{field.name}: expected {lowest:g} to {highest:g}, received "
                f"{number}"
            )


def format_value(value: Any) -> str:  # noqa: ANN401
    """Returns the text that the flag takes for a value."""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value)
