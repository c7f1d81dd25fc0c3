"""A volume's grid as text, exact to the last bit, for storing with voxels."""

import json

import numpy as np

from data_prep.volume import Volume


def grid_to_json(volume: Volume) -> str:
    """Returns everything of a volume but its voxels, as one line of JSON.

    Numbers are written so that reading gives the same float64.
    """
    grid = {
        "affine": np.asarray(volume.affine, np.float64).tolist(),
        "space_unit": volume.space_unit,
        "sform_code": volume.sform_code,
        "qform_code": volume.qform_code,
        "qform": None
        if volume.qform is None
        else np.asarray(volume.qform, np.float64).tolist(),
    }
    return json.dumps(grid)


def volume_from_grid(data: np.ndarray, text: str) -> Volume:
    """Returns voxels on the grid that `grid_to_json` wrote."""
    grid = json.loads(text)
    qform = grid["qform"]
    return Volume(
        data=data,
        affine=np.array(grid["affine"], np.float64),
        space_unit=grid["space_unit"],
        sform_code=grid["sform_code"],
        qform_code=grid["qform_code"],
        qform=None if qform is None else np.array(qform, np.float64),
    )
