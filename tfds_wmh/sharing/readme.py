"""README.md of a pack: what it is, on what terms, and how to read it."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from data_prep.dataset.data_card import format_data_card
from tfds_wmh.sharing.declaration import DEFACED, SKULL_STRIPPED, WITH_FACES
from tfds_wmh.sharing.layout import config_folder

_HEADS = {
    DEFACED: "Faces were removed before.",
    SKULL_STRIPPED: "The brain alone: skull and face were removed before.",
    WITH_FACES: (
        "**Whole heads, with faces.** Who shared them declared that this is "
        "allowed. Keep them safe, and try to recognise nobody."
    ),
}


def format_readme(
    share: Mapping[str, Any],
    card: Mapping[str, Any],
    rows: Sequence[Mapping[str, str]],
) -> str:
    """Returns the text, as Markdown.

    Args:
      share: share.json.
      card: the data card, whose text is the second half.
      rows: of the list of cases.
    """
    first, *_ = share["splits"]
    place = config_folder(share["configs"][0])
    lines = [
        f"# {share['name']}",
        "",
        "FLAIR MRI with masks of white matter hyperintensities (WMH), as "
        "TensorFlow Datasets.",
        "",
        "| | |",
        "|---|---|",
        f"| licence | {_cell(share['licence'])} |",
        f"| to cite | {_cell(share['citation'])} |",
        f"| contact | {_cell(share['contact'])} |",
        f"| sites | {', '.join(map(_cell, share['sites']))} |",
        f"| holds | {', '.join(share['configs'])} |",
        "",
        _HEADS[share["heads"]],
        "",
        "Subjects are named by pseudonyms; who shared the data keeps the key. "
        "Images and notes were searched for identifiers by a program, which "
        "cannot see them all.",
        "",
        "## To check that it is whole",
        "```",
        "sha256sum -c SHA256SUMS",
        "wmh-share verify --data_dir=.     # more, with wmh-keras",
        "```",
        "",
        "## To read it",
        "With `pip install tensorflow tensorflow-datasets` alone:",
        "```python",
        "import tensorflow_datasets as tfds",
        "",
        f'builder = tfds.builder_from_directory("{place}")',
        f'for example in builder.as_dataset(split="{first}"):',
        '    example["image"], example["mask"]  # 0 nothing, 1 WMH, 2 other',
        "```",
        "With wmh-keras this folder is a `--data_dir`. `croissant.json` "
        "describes it for machines (Croissant 1.0).",
        "",
        *_format_sites(share, rows),
    ]
    if "merged_from" in share:
        lines += [
            "",
            "## Merged from",
            "",
            "| name | sites | heads | licence |",
            "|---|---|---|---|",
            *(
                f"| {_cell(part['name'])} | "
                f"{', '.join(map(_cell, part['sites']))} | {part['heads']} | "
                f"{_cell(part['licence'])} |"
                for part in share["merged_from"]
            ),
        ]
    return "\n".join(lines) + "\n\n" + format_data_card(card)


def _format_sites(
    share: Mapping[str, Any], rows: Sequence[Mapping[str, str]]
) -> Iterator[str]:
    yield "## WMH in the reference masks, ml a volume"
    yield ""
    yield "| site | split | subjects | volumes | smallest | median | largest |"
    yield "|---|---|---|---|---|---|---|"
    for site in share["sites"]:
        for split in share["splits"]:
            own = [r for r in rows if (r["site"], r["split"]) == (site, split)]
            if not own:
                continue
            ml = [float(row["wmh_ml"]) for row in own if row["wmh_ml"]]
            subjects = len({row["subject_id"] for row in own})
            sizes = [min(ml), statistics.median(ml), max(ml)] if ml else []
            cells = [f"{size:.3g}" for size in sizes] or ["", "", ""]
            yield (
                f"| {_cell(site)} | {split} | {subjects} | {len(own)} | "
                f"{' | '.join(cells)} |"
            )


def _cell(text: str) -> str:
    """Returns a text that stays in its cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")
