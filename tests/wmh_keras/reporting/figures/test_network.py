import copy
import dataclasses

from wmh_keras.reporting.figures.network import draw_network


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def with_models(study, *models):
    """The evaluations, of these models; None evaluates files."""
    evaluations = []
    for item, model in zip(study.evaluations, models, strict=True):
        summary = copy.deepcopy(dict(item.summary))
        summary["evaluated"]["model"] = model
        evaluations.append(dataclasses.replace(item, summary=summary))
    return dataclasses.replace(study, evaluations=tuple(evaluations))


def unet(*filters):
    return {
        "network": "unet",
        "network_arguments": {"side": 32, "filters": list(filters)},
    }


def test_numbers_are_those_of_the_model(study):
    from wmh_keras.models import build_model

    model = build_model("unet", side=32, filters=(3, 5))
    number = sum(w.size for w in map(_values, model.trainable_weights))
    one = with_models(study, unet(3, 5), unet(3, 5), unet(3, 5))
    figure = draw_network(one).figure
    assert len(figure.axes) == 1, "one architecture, one drawing"
    shown = texts(figure)
    assert f"{number:,} trainable parameters, 7 convolution layers" in shown[1]
    assert [text for text in shown if text in ("3", "5")] == ["3", "5", "3"]
    assert {"32 × 32", "16 × 16"} <= set(shown)


def _values(weight):
    import numpy as np

    return np.asarray(weight)


def test_every_architecture_is_drawn(study):
    several = with_models(study, unet(3, 5), unet(2, 4, 8), unet(3, 5))
    figure = draw_network(several).figure
    assert len(figure.axes) == 2
    assert "unet (unet, uresnet)" in texts(figure)
    assert "unet (unet3d)" in texts(figure)


def test_an_ensemble_shows_each_of_its_architectures(study):
    several = with_models(study, unet(3, 5), unet(3, 5), unet(3, 5))
    first = several.evaluations[0].summary["evaluated"]
    first["other_models"] = [unet(3, 5), unet(2, 4, 8)]
    figure = draw_network(several).figure
    assert len(figure.axes) == 2
    titles = [text for text in texts(figure) if text.startswith("unet")]
    assert titles == ["unet (unet, unet3d, uresnet)", "unet"]


def test_files_have_no_network(study):
    files = draw_network(with_models(study, None, None, None))
    assert files.figure is None
    assert "--model" in files.missing
    mixed = draw_network(with_models(study, unet(2), None, None))
    assert "unet3d, uresnet" in mixed.caption
    assert mixed.figure is not None


def test_a_network_of_another_version_is_told_of(study):
    later = {"network": "transformer", "network_arguments": {}}
    nothing = draw_network(with_models(study, later, later, later))
    assert nothing.figure is None
    assert "transformer" in nothing.missing
    some = draw_network(with_models(study, unet(2), later, unet(2)))
    assert some.figure is not None
    assert "unet3d: " in some.caption
    assert "transformer" in some.caption
