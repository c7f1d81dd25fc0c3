"""Figure 3: the networks, drawn from the models themselves."""

import json
from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from wmh_keras.reporting.figures.illustration import Illustration
from wmh_keras.reporting.figures.network_drawing import NetworkDrawing
from wmh_keras.reporting.figures.network_layout import (
    NetworkLayout,
    lay_out_network,
)
from wmh_keras.reporting.figures.style import WIDTH
from wmh_keras.reporting.study import Study, models_of

NAME = "figure_3_network"
TITLE = "Figure 3. Network"


def draw_network(study: Study) -> Illustration:
    """Builds each model's network and draws it.

    Models of one architecture share a drawing; an ensemble of several has
    one of each.

    Args:
        study: what the report is about.
    """
    networks: dict[str, list[str]] = {}
    for item in study.evaluations:
        for model in models_of(item):
            key = json.dumps(
                [model["network"], model["network_arguments"]], sort_keys=True
            )
            names = networks.setdefault(key, [])
            if item.name not in names:
                names.append(item.name)
    if not networks:
        return Illustration(
            NAME,
            TITLE,
            missing="The evaluations are of files, so that the network is "
            "not known. It is drawn where a model was evaluated (--model).",
        )
    layouts, failures = [], []
    for key, models in networks.items():
        try:
            # One drawing is of all models; several say whose they are.
            layout = _build(
                *json.loads(key), models if len(networks) > 1 else []
            )
        except (ValueError, TypeError) as error:
            failures.append(f"{', '.join(models)}: {error}")
        else:
            layouts.append(layout)
    if not layouts:
        return Illustration(
            NAME,
            TITLE,
            missing="The network cannot be built; was the model made by "
            f"another version? {'; '.join(failures)}",
        )
    caption = (
        "Drawn from the model. A bar is a convolution layer, the higher the "
        "finer its resolution (left), the wider the more channels; above a "
        "block its channels."
    )
    absent = [item.name for item in study.evaluations if not models_of(item)]
    if absent:
        caption += f" Evaluated from files: {', '.join(absent)}."
    if failures:
        caption += f" Networks that cannot be built: {'; '.join(failures)}."
    return Illustration(NAME, TITLE, caption, _to_figure(layouts))


def _build(
    network: str, arguments: Mapping[str, Any], models: list[str]
) -> NetworkLayout:
    # Keras takes seconds to import, which only this figure needs.
    from wmh_keras.models import build_model
    from wmh_keras.reporting.figures.network_reading import read_network

    graph = read_network(build_model(network, **arguments))
    title = network
    if models and models != [network]:
        title += f" ({', '.join(models)})"
    return lay_out_network(graph, title, WIDTH)


def _to_figure(layouts: list[NetworkLayout]) -> Figure:
    height = sum(layout.height for layout in layouts)
    figure = Figure(figsize=(WIDTH, height))
    top = height
    for layout in layouts:
        axes = figure.add_axes(
            (0, (top - layout.height) / height, 1, layout.height / height)
        )
        NetworkDrawing(layout).draw(axes)
        top -= layout.height
    return figure
