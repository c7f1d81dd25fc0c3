"""Words that several messages share."""

from collections.abc import Iterable


def listed(names: Iterable[str], most: int = 10, separator: str = ",") -> str:
    """Joins the first names, and says how many more there are.

    Args:
        names: of subjects, files or the like, in the order to be shown.
        most: how many are named.
        separator: ";" where the names have commas themselves.
    """
    names = list(names)
    text = f"{separator} ".join(names[:most])
    more = len(names) - most
    if more <= 0:
        return text
    return f"{text}{separator.removeprefix(',')} and {more} more"
