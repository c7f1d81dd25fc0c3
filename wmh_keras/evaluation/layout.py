"""The folder that an evaluation writes.

    EVAL/per_patient.csv    one row a volume; a score that is not defined is ""
    EVAL/size_classes.csv   three rows a volume: small, medium, large
    EVAL/lesions.csv        one row a lesion, of the reference and predicted
    EVAL/curves.csv         points of the curves of each volume
    EVAL/history.csv        of the model's training, where it is known
    EVAL/pictures/          one a volume, where the FLAIR is known
    EVAL/predictions/       masks, probabilities and, of an ensemble, its
                            uncertainty, where they are asked for
    EVAL/summary.json       what was evaluated, and what it amounts to

`summary.json` is written last: where it exists, the evaluation is complete.
"""

# 1 had per_patient.csv and summary.json alone.
FORMAT = 2

PER_PATIENT_FILE = "per_patient.csv"
CLASSES_FILE = "size_classes.csv"
LESIONS_FILE = "lesions.csv"
CURVES_FILE = "curves.csv"
TABLE_FILES = (PER_PATIENT_FILE, CLASSES_FILE, LESIONS_FILE, CURVES_FILE)
HISTORY_FILE = "history.csv"
SUMMARY_FILE = "summary.json"
# Of per_patient.csv, where each subject has a model of its own.
MODEL_COLUMN = "model"
# There while files are moved into place: lists what is an evaluation's own.
JOURNAL_FILE = ".unfinished-evaluation.json"
PICTURES_FOLDER = "pictures"
PREDICTIONS_FOLDER = "predictions"

MASK_SUFFIX = "_mask.nii.gz"
PROBABILITY_SUFFIX = "_probability.nii.gz"
UNCERTAINTY_SUFFIX = "_uncertainty.nii.gz"
PICTURE_SUFFIX = ".png"
