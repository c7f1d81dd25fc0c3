"""Everything that decides a training, as one frozen object."""

import dataclasses
import json
from typing import Any

from wmh_keras.distribution import BACKENDS
from wmh_keras.training.config_checks import check_together
from wmh_keras.training.flag_fields import check_field, flag, format_value
from wmh_keras.training.volume_order import EVENLY

DTYPES = ("float32", "mixed_bfloat16")
OTHER_PATHOLOGY = ("ignore", "background")
AUGMENT_ON = ("host", "device")
LOSSES = ("cross_entropy", "dice", "cross_entropy_dice", "focal_tversky")


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """A training: each field is a flag of `wmh-train`, explained there.

    Raises:
      UsageError: A value out of range, which the message gives.
    """

    data_dir: str = flag("", "Folder that wmh-prepare wrote.")
    workdir: str = flag(
        "", "Folder of the run: checkpoints, best model, history."
    )

    train_split: str = flag("train", "Split to fit; a+b joins two.")
    validation_split: str = flag(
        "validation", "Split that drives the schedule and the model choice."
    )
    train_subjects: str = flag(
        "",
        "Text file with one subject a line: fit these, whatever split stores "
        "them.",
    )
    validation_subjects: str = flag(
        "", "Text file with one subject a line: validate on these."
    )

    network: str = flag("unet", "Architecture: unet, u_resnet or unet3d.")
    filters: tuple[int, ...] = flag(
        (),
        "Channels at each level of the network, the finest first; by default "
        "the network's published ones.",
        lowest=1,
    )
    figure_variant: bool = flag(
        False,
        "u_resnet: the decoder narrows as the figure of its paper draws it, "
        "not as the text says.",
    )
    in_plane_poolings: int = flag(
        0,
        "unet3d: so many of the first poolings leave the depth alone, for "
        "thick slices.",
    )
    init_model: str = flag(
        "",
        "Work or model folder of an earlier training of the same network: "
        "start from its weights. Of an ensemble with the number of a network, "
        "as in RUN:0; shipped:0 is the first of the package's own model.",
    )
    side: int = flag(0, "Side of a slice in pixels; 0 takes that of the data.")

    patch_size: tuple[int, ...] = flag(
        (),
        "Train on patches: height,width such as 64,64, or for unet3d "
        "depth,height,width such as 16,128,128. By default whole slices.",
        lowest=1,
    )
    sample_evenly: str = flag(
        "volumes",
        "What gives equally many patches: volumes, however many slices each "
        "has; or sites, and the volumes of each, those without a site being "
        "one site together.",
        choices=EVENLY,
    )
    lesion_patches: float = flag(
        0.33,
        "Share of the patches that are put around a lesion voxel; the others "
        "lie anywhere in the volume.",
        highest=1,
    )
    patch_shift: float = flag(
        0.0,
        "How far that voxel lies from the patch's centre at most, as a share "
        "of the patch.",
        highest=0.5,
    )
    thick_slices: float = flag(
        0.0,
        "Share of the 2-D patches of thin-sliced volumes that are cut from "
        "the mean of neighbouring slices, as thick ones would look.",
        highest=1,
    )
    thick_from_mm: float = flag(
        5.0, "--thick_slices: smallest thickness that is made."
    )
    thick_to_mm: float = flag(
        8.0, "--thick_slices: largest thickness that is made."
    )
    thick_label_share: float = flag(
        0.5,
        "--thick_slices: a pixel is a lesion where at least this share of "
        "the slices has one.",
        lowest=0.01,
        highest=1,
    )
    synthetic_head: float = flag(
        0.0,
        "Share of the 2-D patches of skull-stripped volumes that get an "
        "artificial head around the brain, so that scalp, marrow and eyes "
        "are not taken for lesions. Needs data prepared with "
        "--padding=background.",
        highest=1,
    )
    painted_lesions: float = flag(
        0.0,
        "Share of the 2-D patches that lesions are painted into, where white "
        "matter is free of them: spots, confluent ones, and bands along the "
        "ventricles. Of one channel, FLAIR.",
        highest=1,
    )

    lesion_masks: str = flag(
        "",
        "--painted_lesions: a folder of masks of other patients' lesions "
        "(NIfTI, 0 and 1), without their images. Into volumes that lie on the "
        "grid of the masks, as after registration to MNI, many lesions are "
        "painted by them: in real shapes and places. Not of patients who are "
        "to test the model: names such as sub-ID_mask.nii.gz let it tell.",
    )

    epochs: int = flag(200, "Epochs at most.", lowest=1)
    steps_per_epoch: int = flag(
        0,
        "Batches an epoch; 0 is one pass through the slices, or as many "
        "patches as have their voxels.",
    )
    global_batch_size: int = flag(
        32, "Slices or patches a step, shared by all devices.", lowest=1
    )
    loss: str = flag(
        "cross_entropy",
        "What is minimised: cross_entropy; dice (Milletari et al. 2016); "
        "their sum, cross_entropy_dice (Isensee et al. 2021); focal_tversky "
        "(Abraham and Khan 2019). val_loss is the cross-entropy in any case.",
        choices=LOSSES,
    )
    learning_rate: float = flag(3e-4, "Learning rate of Adam at the start.")
    plateau_epochs: int = flag(
        30,
        "Reduce the learning rate after so many epochs in which the "
        "validation Dice did not improve; 0 never does.",
    )
    plateau_factor: float = flag(
        0.9, "What the learning rate is multiplied by then.", highest=1
    )
    cosine_epochs: int = flag(
        0,
        "Instead of waiting for a plateau, let the learning rate fall along "
        "half a cosine to almost 0 within so many epochs (Loshchilov and "
        "Hutter 2017), and stay there; 0 does not.",
    )
    stop_epochs: int = flag(
        60,
        "Stop after so many epochs in which the validation Dice did not "
        "improve; 0 never does.",
    )
    validation_every: int = flag(
        1,
        "Validate after every so many epochs.",
        lowest=1,
    )
    lesion_prior: float = flag(
        0.01,
        "Probability that the untrained network gives to every voxel, by the "
        "bias of its last layer (Lin et al. 2017, doi 10.1109/ICCV.2017.324): "
        "lesions are rare, and from 0.5, a bias of 0, the training may spend "
        "many epochs on learning just that. Not with --init_model.",
        lowest=1e-6,
        highest=0.5,
    )
    other_pathology: str = flag(
        "ignore",
        "Voxels of label 2 in the training loss: ignore gives them weight 0, "
        "background takes them for no lesion.",
        choices=OTHER_PATHOLOGY,
    )
    seed: int = flag(
        0, "Of the weights, the order and the augmentation.", highest=2**31 - 1
    )

    vertical_flip: float = flag(
        0.5, "Probability to turn a slice upside down.", highest=1
    )
    horizontal_flip: float = flag(
        0.5, "Probability to swap left and right.", highest=1
    )
    rotation_degrees: float = flag(
        15.0, "Rotate by up to so many degrees, either way.", highest=180
    )
    contrast: float = flag(
        0.1,
        "Multiply the z-scored intensities by 1 ± up to this share.",
        highest=0.99,
    )
    scaling: float = flag(
        0.1, "Enlarge or shrink by up to this share.", highest=0.9
    )
    translation: float = flag(
        0.05, "Shift by up to this share of the side, each way.", highest=1
    )
    noise_std: float = flag(
        0.05,
        "Standard deviation of added Gaussian noise; that of a z-scored volume "
        "is 1.",
    )
    gamma: float = flag(
        0.0,
        "Bend the contrast curve by a power of exp(± up to this).",
        highest=2,
    )
    bias_field: float = flag(
        0.0,
        "Change the intensity by a smooth field of up to this share.",
        highest=0.99,
    )
    blur_px: float = flag(
        0.0,
        "Blur by a Gaussian of this standard deviation in pixels, mixed with "
        "the slice at random.",
        highest=10,
    )
    sharpening: float = flag(
        0.0,
        "Sharpen too, as scanners' edge filters do: add up to this share of "
        "what --blur_px takes away.",
        highest=5,
    )
    motion_ghosts: float = flag(
        0.0,
        "Add ghosts, shifted copies of the slice as of a head that moved, of "
        "up to this weight.",
        highest=1,
    )
    augmentation_probability: float = flag(
        0.5,
        "Probability that a slice gets a rotation; likewise contrast, "
        "scaling, translation, noise and those that are off by default, each "
        "drawn by itself.",
        highest=1,
    )
    augment_on: str = flag(
        "host",
        "Where pixels are changed: host, on the CPU's cores while the device "
        "fits; or device, in the training step, where the cores do not keep "
        "up with accelerators. The changes are the same, but for the values "
        "of the noise.",
        choices=AUGMENT_ON,
    )

    threshold: float = flag(
        0.5,
        "Probability from which a voxel is a lesion, stored with the model. "
        "Validation while training uses 0.5.",
        lowest=1e-6,
        highest=1,
    )
    min_lesion_mm3: float = flag(
        0.0,
        "Predicted lesions below this are removed, in mm³; stored with the "
        "model.",
    )
    backend: str = flag(
        "jax",
        "What Keras runs on. Without an accelerator tensorflow takes about "
        "half the time of jax.",
        choices=BACKENDS,
    )
    dtype: str = flag(
        "float32",
        "Precision of the layers; weights, loss and logits stay float32. "
        "mixed_bfloat16 is for accelerators, and on --backend=tensorflow for "
        "CPUs with bfloat16 units, such as AVX512-BF16.",
        choices=DTYPES,
    )

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            check_field(field, getattr(self, field.name))
        check_together(self)

    def to_flags(self) -> dict[str, str]:
        """Returns flag names and the text of their values."""
        return {
            field.name: format_value(getattr(self, field.name))
            for field in dataclasses.fields(self)
        }

    def to_json(self) -> dict[str, Any]:
        """Returns the fields as JSON types."""
        return json.loads(json.dumps(dataclasses.asdict(self)))


def format_flagfile(config: TrainingConfig) -> str:
    """Returns a flagfile that gives this config again."""
    lines = [f"--{name}={text}" for name, text in config.to_flags().items()]
    return "\n".join(lines) + "\n"
