"""Keeps what is no concern of the user out of the log."""

import contextlib
from collections.abc import Iterator

from absl import logging


@contextlib.contextmanager
def quiet_log() -> Iterator[None]:
    """Lets nothing but errors through absl's log.

    For where TFDS decodes examples: it warns of its own deprecated property.
    """
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
