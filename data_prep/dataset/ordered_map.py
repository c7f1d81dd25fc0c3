"""A map in threads that keeps the order and bounds the memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ordered_map(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    max_workers: int,
) -> Iterator[Result]:
    """Maps in threads, in order, with few results waiting.

    At most `max_workers` items are being worked on or waiting to be taken,
    so memory is bounded by as many results plus what the workers use. Reading,
    gunzip and NumPy let other threads run meanwhile.

    Args:
      function: called in the threads.
      items: drawn one by one, in the caller's thread, as places get free.
      max_workers: threads; at least 1.

    Yields:
      The results in the order of the items. An error of the function is
      raised in its turn; what has not begun by then is not done any more.
    """
    waiting: deque[Future] = deque()
    with ThreadPoolExecutor(max_workers) as pool:
        try:
            for item in items:
                if len(waiting) >= max_workers:
                    yield waiting.popleft().result()
                waiting.append(pool.submit(function, item))
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
