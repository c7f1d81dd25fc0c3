"""What lies beside an exported model: its facts, a model card, a licence."""

import importlib.metadata
from pathlib import Path
from typing import Any

from data_prep import files
from data_prep.version import installed_versions
from wmh_keras.inference.ensemble import ensemble_checksum, ensemble_name
from wmh_keras.serving.export_request import ExportPlan

INFO_FILE, CARD_FILE, LICENCE_FILE = "model.json", "MODEL_CARD.md", "LICENSE"


def describe(plan: ExportPlan) -> dict[str, Any]:
    """Returns the facts of an exported model, for model.json.

    "name" and "version" are those that a server knows; those of the models,
    "" where they have none, lie under "models".

    Digests of the subjects it was trained on stay at home.
    """
    preprocess = plan.infos[0].preprocess
    return {
        "name": plan.request.name,
        "version": plan.version,
        "identity": plan.identity,
        "side": preprocess.side,
        "channels": list(preprocess.channels),
        "preprocess": preprocess.to_json(),
        "threshold": plan.mask.threshold,
        "min_lesion_mm3": plan.mask.min_lesion_mm3,
        "test_time_flips": plan.request.test_time_flips,
        "models": [
            {
                "name": info.name,
                "version": info.version,
                "checksum": info.checksum,
                "network": info.network,
                "network_arguments": dict(info.network_arguments),
                "members": len(info.members),
                "data_identity": info.data_identity,
                "scores": files.nan_to_none(dict(info.scores)),
            }
            for info in plan.infos
        ],
        "versions": installed_versions(),
    }


def write_card(folder: Path, plan: ExportPlan, differences: list[str]) -> None:
    """Writes facts, model card and licence into a folder.

    Args:
      folder: made if need be.
      plan: what was exported.
      differences: sentences on how well it agrees with the model.
    """
    files.write_json(folder / INFO_FILE, describe(plan))
    files.write_text(folder / CARD_FILE, _card(plan, differences))
    files.write_text(folder / LICENCE_FILE, _licence(plan))


def _card(plan: ExportPlan, differences: list[str]) -> str:
    preprocess = plan.infos[0].preprocess
    networks = ", ".join(
        f"{info.network} × {len(info.members)}" for info in plan.infos
    )
    scores = [
        f"- {name}: {value:.4g}"
        for info in plan.infos
        for name, value in info.scores.items()
        if value is not None
    ]
    minimum = plan.mask.min_lesion_mm3
    exported = f"{plan.request.name}, version {plan.version}"
    lines = [
        f"# {ensemble_name(plan.infos) or exported}",
        "",
        "White matter hyperintensities in FLAIR brain MRI. Research software, "
        "not a medical device: look at every mask before you use it.",
        "",
        f"- exported as: {exported}",
        f"- model: {plan.identity} (networks: {networks}, checksum "
        f"{ensemble_checksum(plan.infos)})",
        f"- images: {', '.join(preprocess.channels)}, on one grid",
        f"- slices: axial, {preprocess.side} × {preprocess.side} pixels; "
        f"normalization {preprocess.normalization}, padding "
        f"{preprocess.padding}, oversize {preprocess.oversize}",
        f"- threshold: {plan.mask.threshold:g}",
        f"- test-time flips: {plan.request.test_time_flips}",
        f"- smallest lesion: {minimum:g} mm³. **Small lesions are not removed "
        "by the exported model**; who asks it has to do so.",
        "- computes in float32; OpenVINO only if it is told so: on CPUs with "
        "bfloat16 units it takes those, unless INFERENCE_PRECISION_HINT is f32",
        *(f"- {sentence}" for sentence in differences),
        *(f"- {sentence}" for sentence in plan.licence_warnings),
        "",
        "Scores on the validation subjects of its training:",
        "",
        *(scores or ["- none recorded"]),
        "",
        "A model is as good as the data that it saw. Check it on your own "
        "scanner before you believe it.",
    ]
    return "\n".join(lines) + "\n"


def _licence(plan: ExportPlan) -> str:
    if plan.licence is not None:
        return plan.licence
    sentences = "\n".join(f"- {text}" for text in plan.licence_warnings)
    return (
        "The software that made this model is under the licence below. Of the "
        f"weights:\n{sentences}\n\n{_software_licence()}"
    )


def _software_licence() -> str:
    """The text in the checkout, or in the installed package."""
    checkout = Path(__file__).resolve().parents[2] / "LICENSE"
    if checkout.is_file():
        return checkout.read_text(encoding="utf-8")
    try:
        package = importlib.metadata.distribution("wmh-keras")
    except importlib.metadata.PackageNotFoundError:
        return "Apache-2.0\n"
    return package.read_text("licenses/LICENSE") or "Apache-2.0\n"
