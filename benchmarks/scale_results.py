"""The file of results of `scale.py`, and how they are shown."""

import dataclasses
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import scale_growth
from scale_steps import STEPS, Series

from data_prep.files import read_json

PACKAGES = ("jax", "keras", "numpy", "openvino", "tensorflow-cpu", "wmh-keras")


def open_results(
    output: Path, series: Sequence[Series], steps: Sequence[str], backend: str
) -> dict[str, Any]:
    """Returns the results so far, or new ones.

    Args:
      output: JSON file; may be missing.
      series: what is measured, at whatever sizes.
      steps: names of the steps.
      backend: of the training.

    Raises:
      SystemExit: the file holds results of other settings, or was measured
        on another machine or with other versions.
    """
    settings = {
        "series": [
            {k: v for k, v in dataclasses.asdict(s).items() if k != "sizes"}
            for s in series
        ],
        "steps": list(steps),
        "backend": backend,
    }
    # As JSON gives them back: without tuples.
    settings = json.loads(json.dumps(settings))
    new = {"settings": settings, "machine": _machine(), "rows": []}
    if not output.exists():
        return new
    earlier = read_json(output)
    if earlier.get("settings") != settings:
        sys.exit(
            f"{output}: holds results of other settings; name another "
            "--output, or remove it"
        )
    if earlier["machine"] != new["machine"]:
        sys.exit(
            f"{output}: was measured on another machine or with other "
            "versions; name another --output"
        )
    return earlier


def rows_of(
    results: Mapping[str, Any], series: str, volumes: int | None = None
) -> list[dict[str, Any]]:
    """Returns the measured steps of a series, or of one of its studies."""
    return [
        row
        for row in results["rows"]
        if row["series"] == series and volumes in (None, row["volumes"])
    ]


def format_results(results: Mapping[str, Any], forecast: Sequence[int]) -> str:
    """Returns everything that was measured, with fits and forecasts."""
    machine = results["machine"]
    versions = ", ".join(f"{k} {v}" for k, v in machine["versions"].items())
    parts = [
        f"{machine['processor']}, {machine['cores']} cores, "
        f"{machine['memory_gb']:.0f} GB; {versions}"
    ]
    start_up = {}
    for series in results["settings"]["series"]:
        rows = sorted(
            rows_of(results, series["name"]),
            key=lambda row: (STEPS.index(row["step"]), row["volumes"]),
        )
        if not rows:
            continue
        shape = " x ".join(map(str, series["shape"]))
        fitted = scale_growth.fit_steps(rows, start_up)
        start_up = start_up or fitted
        parts += [
            f"{series['name']}: volumes of {shape}, side {series['side']}",
            scale_growth.format_rows(rows),
            scale_growth.format_growth(fitted),
        ]
        if fitted:
            parts.append(scale_growth.format_forecast(fitted, forecast))
    return "\n\n".join(parts)


def _machine() -> dict[str, Any]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 1e9, 1),
        "versions": versions,
    }
