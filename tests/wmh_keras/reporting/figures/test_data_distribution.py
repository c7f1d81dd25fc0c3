import dataclasses

from wmh_keras.reporting.figures.data_distribution import (
    draw_data_distribution,
)


def stacks(axes):
    """Counts by label, one for each split."""
    return {
        container.get_label(): [int(bar.get_height()) for bar in container]
        for container in axes.containers
    }


def test_bars_are_the_card_s_counts(study):
    splits = study.data.card["splits"]
    sites, slices, lesions = draw_data_distribution(study).figure.axes
    assert stacks(sites) == {"north": [16, 0, 5], "south": [0, 4, 5]}
    assert stacks(slices) == {
        "with WMH": [192, 48, 120],
        "without": [192, 48, 120],
    }
    assert stacks(lesions) == {
        size: [split["lesions"][size] for split in splits.values()]
        for size in ("small", "medium", "large")
    }
    totals = [text.get_text() for text in lesions.texts]
    assert totals == [str(s["lesions"]["count"]) for s in splits.values()]
    tops = [bar.get_y() + bar.get_height() for bar in lesions.containers[-1]]
    assert tops == [s["lesions"]["count"] for s in splits.values()]


def test_many_sites_and_a_split_without_masks(study):
    splits = dict(study.data.card["splits"])
    splits["unlabelled"] = dict(splits["train"]) | {
        "lesions": None,
        "slices_with_wmh": 0,
        "sites": {f"site {i}": 20 - i for i in range(9)} | {"": 7},
    }
    data = dataclasses.replace(
        study.data, card=dict(study.data.card) | {"splits": splits}
    )
    figure = draw_data_distribution(
        dataclasses.replace(study, data=data)
    ).figure
    sites, slices, lesions = figure.axes
    heights = stacks(sites)
    assert len(heights) == 6
    assert "7 other sites" in heights
    total = sum(counts[-1] for counts in heights.values())
    assert total == sum(splits["unlabelled"]["sites"].values())
    assert stacks(slices)["no reference"] == [0, 0, 0, 384]
    assert [counts[-1] for counts in stacks(lesions).values()] == [0, 0, 0]


def test_without_data(make_study):
    illustration = draw_data_distribution(make_study(data=False))
    assert illustration.figure is None
    assert "--data_dir" in illustration.missing
