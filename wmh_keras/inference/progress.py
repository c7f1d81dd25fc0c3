"""How far a volume is, told while the networks work on it."""

from collections.abc import Callable

OnProgress = Callable[[float], None]


def part_of(
    on_progress: OnProgress | None, done: int, parts: int
) -> OnProgress | None:
    """Makes the progress of one of several equal parts that of the whole.

    Args:
      on_progress: gets the share of the whole; None gives None.
      done: parts before this one.
      parts: all of them.
    """
    if on_progress is None:
        return None
    return lambda share: on_progress((done + share) / parts)
