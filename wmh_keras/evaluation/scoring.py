"""Scores many volumes at once, in order, with a progress bar."""

import contextlib
from collections.abc import Callable, Iterable
from typing import TypeVar

from data_prep.dataset.ordered_map import ordered_map
from data_prep.program import progress
from wmh_keras.evaluation.problems import Outcome, VolumeOutcome, collect

Item = TypeVar("Item")


def score_all(
    score: Callable[[Item], VolumeOutcome],
    items: Iterable[Item],
    *,
    total: int,
    num_workers: int,
) -> Outcome:
    """Scores volumes in threads.

    Threads are as fast here as processes: gunzip, sorting, labelling and the
    search trees let others run, and nothing has to be copied.

    Args:
        score: called in the threads.
        items: drawn one by one in the caller's thread, as places get free.
        total: how many there are.
        num_workers: items worked on at a time, which bounds the memory.

    Returns:
        What came of them, in the order of the items. After an interrupt or
        an error no thread is left at work: a file that one of them would
        write later could land where everything has been cleared away.
    """
    with contextlib.closing(ordered_map(score, items, num_workers)) as volumes:
        return collect(progress(volumes, "evaluate", total, "volume"))
