"""What a figure of a report is."""

import dataclasses

from matplotlib.figure import Figure


@dataclasses.dataclass(frozen=True, eq=False)
class Illustration:
    """One figure with what stands below it.

    Attributes:
        name: of its files, such as "figure_5b_roc".
        title: such as "Figure 5 B. ROC curves".
        caption: what is seen, how many patients, what a band means.
        figure: made by matplotlib without pyplot; None where `missing`.
        missing: where the figure cannot be drawn: why, and what would help.
    """

    name: str
    title: str
    caption: str = ""
    figure: Figure | None = None
    missing: str = ""
