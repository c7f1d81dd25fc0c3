"""What wmh-predict writes is what wmh-partial-masks reads."""

import numpy as np
import pytest

from data_prep import partial_masks
from data_prep.nifti import read_mask, read_volume
from data_prep.nifti_writing import write_image
from data_prep.phantom import PhantomConfig, make_phantom
from wmh_keras import predict


@pytest.mark.parametrize("folders", [("one", "two"), ("sub-1", "sub-2")])
def test_every_head_gets_the_prediction_of_its_own(
    bright_model_dir, tmp_path, folders
):
    """Two heads whose files have the same name."""
    heads, predictions = tmp_path / "heads", tmp_path / "pred"
    for seed, folder in enumerate(folders):
        image, _ = make_phantom(PhantomConfig(seed=seed))
        write_image(heads / folder / "FLAIR.nii.gz", image.data, image)
    code = predict.cli(
        [
            "wmh-predict",
            f"--input={heads}",
            f"--output_dir={predictions}",
            f"--model={bright_model_dir}",
        ]
    )
    assert code == 0
    manifest = tmp_path / "heads.csv"
    lines = [f"h{i},heads/{f}/FLAIR.nii.gz" for i, f in enumerate(folders)]
    manifest.write_text("\n".join(["subject_id,flair", *lines, ""]))
    code = partial_masks.cli(
        [
            "wmh-partial-masks",
            f"--input={manifest}",
            f"--predictions={predictions}",
            f"--output_dir={tmp_path / 'out'}",
            "--tissue_below=0.3",
        ]
    )
    assert code == 0
    for index, folder in enumerate(folders):
        (path,) = (predictions / folder).rglob("FLAIR*probability.nii.gz")
        probability = read_volume(path).data
        (path,) = (tmp_path / "out" / f"sub-h{index}").rglob("*_mask.nii.gz")
        labels = read_mask(path).data
        assert (labels == 1).any()
        assert probability[labels == 1].min() >= 0.5
        decided = np.isin(labels, (1, 2))
        assert probability[decided].min() >= 0.3
