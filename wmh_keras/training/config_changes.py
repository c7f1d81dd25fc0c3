"""Which flags of a training may change when it goes on."""

from collections.abc import Mapping

# May differ when a training goes on: how far to go, and where the files lie
# (the fingerprint of the data, lesion masks among them, tells whether they are
# the same, and the checksum of the weights whether an initial model is).
CHANGEABLE = (
    "data_dir",
    "workdir",
    "train_subjects",
    "validation_subjects",
    "init_model",
    "lesion_masks",
    "epochs",
)


def differences(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Lists the flags that keep a training from going on.

    Args:
      old: Flags the training was started with, as to_flags gives them.
      new: Flags it is to go on with.

    Returns:
      One line a flag, with both values; empty when it may go on.
    """
    names = dict.fromkeys((*old, *new))
    return [
        f"--{name}: was {old.get(name, 'absent')!r}, "
        f"now {new.get(name, 'absent')!r}"
        for name in names
        if name not in CHANGEABLE and old.get(name) != new.get(name)
    ]
