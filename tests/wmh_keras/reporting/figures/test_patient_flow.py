import dataclasses

from wmh_keras.reporting.figures.patient_flow import (
    draw_patient_flow,
    left_out_reasons,
)


def texts(study):
    (axes,) = draw_patient_flow(study).figure.axes
    return [text.get_text() for text in axes.texts if text.get_text()]


def test_every_number_is_there(study):
    shown = texts(study)
    # 16 + 4 + 10 prepared, 3 left out, 24 slices each.
    assert shown[:2] == ["Found", "33 patients"]
    assert "Left out: 3 volumes" in shown
    assert {"motion (n = 2)", "no mask (n = 1)"} <= set(shown)
    place = shown.index("Prepared")
    assert shown[place + 1 : place + 3] == ["30 patients", "720 slices"]
    lesions = study.data.card["splits"]["train"]["lesions"]
    place = shown.index("Train")
    assert shown[place + 1 : place + 7] == [
        "16 patients",
        "384 slices",
        f"{lesions['count']} lesions",
        *(f"{lesions[size]} {size}" for size in ("small", "medium", "large")),
    ]
    assert "10 patients by 3 raters" in shown
    assert "3 models: unet, unet3d, uresnet" in shown


def test_the_evaluation_hangs_below_its_split(study):
    (axes,) = draw_patient_flow(study).figure.axes
    x = {text.get_text(): text.get_position()[0] for text in axes.texts}
    assert x["Test"] == max(x["Train"], x["Validation"], x["Test"])
    assert x["Evaluated"] > x["Validation"] + 1
    other = dataclasses.replace(
        study.data, card=dict(study.data.card) | {"identity": "another"}
    )
    illustration = draw_patient_flow(dataclasses.replace(study, data=other))
    assert "by their ids, 10 in test." in illustration.caption
    (axes,) = illustration.figure.axes
    x = {text.get_text(): text.get_position()[0] for text in axes.texts}
    assert x["Evaluated"] == x["Found"]


def test_without_the_data_set_it_starts_at_the_evaluation(make_study):
    study = make_study(models=1, data=False, ratings=False)
    assert texts(study) == ["Evaluated", "10 patients", "1 model: unet"]
    illustration = draw_patient_flow(study)
    assert "--data_dir" in illustration.caption
    # One column: no sheet of mere margins, which a phone would have to scroll.
    (axes,) = illustration.figure.axes
    (box,) = axes.patches
    assert illustration.figure.get_figwidth() < 1.5 * box.get_width()


def test_a_split_without_masks_and_several_scans(study):
    splits = dict(study.data.card["splits"])
    splits["unlabelled"] = dict(splits["train"]) | {
        "lesions": None,
        "volumes": 20,
    }
    card = dict(study.data.card) | {"splits": splits}
    data = dataclasses.replace(study.data, card=card)
    shown = texts(dataclasses.replace(study, data=data))
    place = shown.index("Unlabelled")
    assert shown[place + 1 : place + 5] == [
        *("16 patients", "20 volumes", "384 slices", "no reference"),
    ]


def test_reasons_are_counted():
    def rows(count, reason, status="skipped"):
        return [{"status": status, "reason": reason}] * count

    cases = [
        *rows(9, "", "prepared"),
        *rows(2, "on another grid: shape (1, 2, 3)"),
        *rows(1, "on another grid: shape (4, 5, 6); and more"),
        *rows(4, "", "excluded"),
    ]
    assert left_out_reasons(cases) == {"excluded": 4, "on another grid": 3}
    many = [row for i in range(9) for row in rows(9 - i, f"reason {i}")]
    counted = left_out_reasons(many)
    assert next(iter(counted.items())) == ("reason 0", 9)
    assert len(counted) == 5
    assert sum(counted.values()) == len(many)
    assert left_out_reasons([]) == {}
