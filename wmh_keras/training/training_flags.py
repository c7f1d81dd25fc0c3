"""The flags of wmh-train: one for each field of TrainingConfig."""

import dataclasses
from pathlib import Path

from absl import flags

from wmh_keras.hosts import Processes
from wmh_keras.training.config import TrainingConfig

# The recipes that come with the program; --flagfile finds them by name.
FLAGFILE_DIR = Path(__file__).parents[1] / "flagfiles"


def define_flags(flag_values: flags.FlagValues) -> None:
    """Defines a flag for each field of TrainingConfig."""
    for field in dataclasses.fields(TrainingConfig):
        name, default, text = field.name, field.default, field.metadata["help"]
        if field.metadata["choices"]:
            flags.DEFINE_enum(
                name,
                default,
                field.metadata["choices"],
                text,
                flag_values=flag_values,
            )
        elif isinstance(default, tuple):
            flags.DEFINE_list(
                name,
                [str(number) for number in default],
                text,
                flag_values=flag_values,
            )
        else:
            define = {
                bool: flags.DEFINE_boolean,
                str: flags.DEFINE_string,
                int: flags.DEFINE_integer,
                float: flags.DEFINE_float,
            }[type(default)]
            define(name, default, text, flag_values=flag_values)


def define_process_flags(flag_values: flags.FlagValues) -> None:
    """Defines how several processes of one training find each other."""
    flags.DEFINE_string(
        "coordinator",
        "",
        "Train in several processes, on one machine or more: HOST:PORT of "
        "process 0, or auto, which takes all from the environment of SLURM, "
        "Open MPI or Kubernetes. All need the same flags, the data and one "
        "shared --workdir.",
        flag_values=flag_values,
    )
    flags.DEFINE_integer(
        "num_processes",
        None,
        "Processes in all, with --coordinator=HOST:PORT.",
        flag_values=flag_values,
        lower_bound=1,
    )
    flags.DEFINE_integer(
        "process_id",
        None,
        "Number of this process, from 0, with --coordinator=HOST:PORT.",
        flag_values=flag_values,
        lower_bound=0,
    )
    flags.DEFINE_float(
        "silence_seconds",
        30.0,
        "A process that is silent for so long counts as lost, and the others "
        "end.",
        flag_values=flag_values,
        lower_bound=1,
    )


def processes_from(flag_values: flags.FlagValues) -> Processes:
    """Returns what the flags of `define_process_flags` say.

    Raises:
      UsageError: They do not fit each other.
    """
    return Processes(
        coordinator=flag_values["coordinator"].value,
        num_processes=flag_values["num_processes"].value,
        process_id=flag_values["process_id"].value,
        silence_seconds=flag_values["silence_seconds"].value,
    )


def config_from(flag_values: flags.FlagValues) -> TrainingConfig:
    """Returns what the flags say.

    Raises:
      UsageError: A value out of range.
      flags.IllegalFlagValueError: A list that is not of whole numbers.
    """
    values = {
        field.name: flag_values[field.name].value
        for field in dataclasses.fields(TrainingConfig)
    }
    for name, value in values.items():
        if isinstance(value, list):
            values[name] = _whole_numbers(name, value)
    return TrainingConfig(**values)


def _whole_numbers(name: str, texts: list[str]) -> tuple[int, ...]:
    try:
        return tuple(int(text) for text in texts)
    except ValueError as error:
        raise flags.IllegalFlagValueError(
            f"--{name}: expected whole numbers such as 16,32,64: {error}"
        ) from error
