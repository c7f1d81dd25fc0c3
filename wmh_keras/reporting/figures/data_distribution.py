"""Figure 2 C: what the splits of the data set hold."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes

from data_prep.size_classes import SIZE_CLASSES
from wmh_keras.reporting.figures.illustration import Illustration
from wmh_keras.reporting.figures.style import (
    CLASS_COLOURS,
    LIGHT_GREY,
    PALETTE,
    SMALL_FONT,
    literal,
    new_figure,
    tidy,
    wrap_name,
)
from wmh_keras.reporting.study import Study

NAME = "figure_2c_data_distribution"
TITLE = "Figure 2 C. Data distribution"
_MOST_SITES = 5


def draw_data_distribution(study: Study) -> Illustration:
    """Draws patients, slices and lesions of every split as stacked bars.

    Args:
        study: what the report is about.
    """
    if study.data is None:
        return Illustration(
            NAME,
            TITLE,
            missing="The prepared data set is not known: give "
            "--data_dir=FOLDER of the set that the patients come from.",
        )
    splits = study.data.card["splits"]
    figure = new_figure(4.2)
    panels = (
        ("Volumes by site", _by_site(splits)),
        ("Slices", _by_content(splits)),
        ("Reference lesions by size", _by_size(splits)),
    )
    names = [wrap_name(name, 11) for name in splits]
    for axes, (title, parts) in zip(figure.subplots(1, 3), panels, strict=True):
        _stack(axes, names, parts)
        axes.set_title(title, fontsize=11)
    caption = (
        "Volumes, slices and reference lesions of each split, with the total "
        "above the bars. Lesions are 26-connected in 3-D; small < 20 mm³, "
        "medium 20 to 150 mm³, large > 150 mm³."
    )
    return Illustration(NAME, TITLE, caption, figure)


def _by_site(splits: Mapping[str, Any]) -> dict[str, tuple[str, list[int]]]:
    totals = Counter()
    for split in splits.values():
        totals.update(split["sites"])
    sites = [site for site, _ in totals.most_common()]
    shown = sites if len(sites) <= _MOST_SITES + 1 else sites[:_MOST_SITES]
    parts = {
        literal(site or "site unknown"): (
            PALETTE[index],
            [split["sites"].get(site, 0) for split in splits.values()],
        )
        for index, site in enumerate(shown)
    }
    if len(shown) < len(sites):
        rest = [
            sum(n for site, n in split["sites"].items() if site not in shown)
            for split in splits.values()
        ]
        parts[f"{len(sites) - len(shown)} other sites"] = (LIGHT_GREY, rest)
    return parts


def _by_content(splits: Mapping[str, Any]) -> dict[str, tuple[str, list[int]]]:
    with_wmh, without, unknown = [], [], []
    for split in splits.values():
        labelled = split["lesions"] is not None
        with_wmh.append(split["slices_with_wmh"])
        rest = split["slices"] - split["slices_with_wmh"]
        without.append(rest if labelled else 0)
        unknown.append(0 if labelled else rest)
    parts = {
        "with WMH": (PALETTE[0], with_wmh),
        "without": (LIGHT_GREY, without),
    }
    if any(unknown):
        parts["no reference"] = ("#A0A0A0", unknown)
    return parts


def _by_size(splits: Mapping[str, Any]) -> dict[str, tuple[str, list[int]]]:
    return {
        size: (
            CLASS_COLOURS[size],
            [
                (split["lesions"] or {}).get(size, 0)
                for split in splits.values()
            ],
        )
        for size in SIZE_CLASSES
    }


def _stack(
    axes: Axes, names: list[str], parts: Mapping[str, tuple[str, list[int]]]
) -> None:
    positions = range(len(names))
    heights = [0] * len(names)
    for label, (colour, counts) in parts.items():
        axes.bar(
            positions,
            counts,
            bottom=heights,
            color=colour,
            edgecolor="white",
            linewidth=0.5,
            label=label,
        )
        heights = [a + b for a, b in zip(heights, counts, strict=True)]
    for position, height in zip(positions, heights, strict=True):
        axes.annotate(
            f"{height:,}",
            (position, height),
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            fontsize=SMALL_FONT,
        )
    crowded = len(names) > 4
    axes.set_xticks(
        positions,
        names,
        fontsize=SMALL_FONT,
        rotation=60 if crowded else 0,
        ha="right" if crowded else "center",
        rotation_mode="anchor" if crowded else None,
    )
    axes.set_ylim(0, max([*heights, 1]) * 1.1)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.yaxis.get_major_locator().set_params(integer=True)
    tidy(axes)
    axes.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, -0.3 if crowded else -0.12),
        fontsize=SMALL_FONT,
        frameon=False,
        ncols=1,
    )
