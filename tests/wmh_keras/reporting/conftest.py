"""A study in memory: three models on ten patients of two sites.

Nothing of it was segmented, but everything fits together: scores follow from
the voxels of the lesions, summaries from the scores. The last patient has no
reference lesion, and the one before has no large one.
"""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

from data_prep.size_classes import SIZE_CLASSES, count_by_class
from wmh_keras.evaluation.grade_proposals import propose_grades
from wmh_keras.evaluation.head_to_head import compare_evaluations
from wmh_keras.evaluation.ratings import RatingStudy
from wmh_keras.evaluation.results import (
    SCORE_COLUMNS,
    ClassScores,
    Curves,
    EvaluationResults,
    LesionRow,
    PatientResult,
    PatientScores,
)
from wmh_keras.evaluation.volume_key import VolumeKey
from wmh_keras.metrics.pixel import PixelCounts
from wmh_keras.reporting.study import DataSummary, Study
from wmh_keras.statistics.agreement import (
    bland_altman,
    correlation,
    icc_a1,
)
from wmh_keras.statistics.raters import rater_agreement
from wmh_keras.statistics.summary import summarize

MODELS = {"unet": 0.95, "unet3d": 0.8, "uresnet": 0.65}
RATERS = ("Ann", "Ben", "Cleo")
VOXEL_MM3 = 1.5
BRAIN_VOXELS = 1_000_000
ROC_X = np.concatenate([[0], np.geomspace(1e-5, 1, 60)])
PR_X = np.linspace(0, 1, 101)
CLASS_FIELDS = (
    "dice_within",
    "dice",
    "lesion_recall",
    "lesion_precision",
    "lesion_dice",
    "lesion_accuracy",
)


@pytest.fixture
def make_study():
    """Makes a Study; see `_make_study` for what can be left out of it."""
    return _make_study


@pytest.fixture(scope="session")
def study() -> Study:
    """The whole study; not to be changed, as it is shared."""
    return _make_study()


def _make_study(
    models: int = 3,
    patients: int = 10,
    ratings: bool = True,
    data: bool = True,
    curves: bool = True,
    lesions_each: tuple[int, int] = (4, 9),
    history: Path | None = None,
) -> Study:
    """Makes a study.

    Args:
        models: evaluations, 1 to 3.
        patients: the last one has no lesion.
        ratings: whether three raters graded all patients.
        data: whether the prepared data set is known.
        curves: whether there are probabilities.
        lesions_each: least and most reference lesions of a patient.
        history: history.csv of every model's training.
    """
    keys = [
        VolumeKey(f"p{i:02}", site=("north", "south")[i % 2])
        for i in range(1, patients + 1)
    ]
    evaluations = tuple(
        make_evaluation(name, skill, keys, curves, lesions_each, history)
        for name, skill in list(MODELS.items())[:models]
    )
    return Study(
        evaluations=evaluations,
        comparison=compare_evaluations(evaluations) if models > 1 else None,
        ratings=make_ratings(evaluations[0]) if ratings else None,
        data=make_data(keys) if data else None,
    )


def make_evaluation(name, skill, keys, curves, lesions_each, history):
    volumes = tuple(
        make_patient(key, i, len(keys), skill, curves, lesions_each)
        for i, key in enumerate(keys)
    )
    return EvaluationResults(
        name=name,
        folder=Path("evaluations") / name,
        summary=make_summary(name, volumes),
        volumes=volumes,
        history=history,
    )


# --- one patient -----------------------------------------------------------


def make_patient(key, index, count, skill, curves, lesions_each):
    anatomy = np.random.default_rng([7, index])
    voxels = _reference_voxels(anatomy, index, count, lesions_each)
    luck = np.random.default_rng([index, round(100 * skill)])
    reference, predicted = _lesions(voxels, skill, anatomy, luck)
    inside = sum(round(r.overlap * r.voxels) for r in reference)
    total = sum(p.voxels for p in predicted)
    counts = PixelCounts(
        tp=inside,
        fp=total - inside,
        fn=sum(voxels) - inside,
        tn=BRAIN_VOXELS - total - sum(voxels) + inside,
    )
    classes = {
        name: _class_scores(name, reference, predicted) for name in SIZE_CLASSES
    }
    scores = _patient_scores(
        counts, reference, predicted, luck, skill if curves else None
    )
    drawn = None
    if curves and voxels:
        drawn = Curves(
            tpr=ROC_X ** (0.12 / skill + 0.01 * luck.random()),
            precision=np.clip(
                skill * (1 - PR_X**6) + 0.02 * luck.random(), 0, 1
            ),
        )
    return PatientResult(
        key=key,
        scores=scores,
        counts=counts,
        classes=classes,
        lesions=(*reference, *predicted),
        curves=drawn,
    )


def _reference_voxels(anatomy, index, count, lesions_each):
    if index == count - 1:
        return []
    number = int(anatomy.integers(lesions_each[0], lesions_each[1] + 1))
    groups = [(3, 13), (16, 96), (110, 900)]
    if index == count - 2:
        groups.pop()
    sizes = [
        int(anatomy.integers(*groups[i % len(groups)])) for i in range(number)
    ]
    return sorted(sizes, reverse=True)


def _lesions(voxels, skill, anatomy, luck):
    reference, predicted = [], []
    for i, size in enumerate(voxels, start=1):
        place = tuple(float(v) for v in anatomy.normal(0, 30, 3))
        hit = luck.beta(6 * skill, 2) if luck.random() < skill else 0.0
        inside = round(hit * size)
        touches = ()
        if inside:
            outside = round(luck.uniform(0.05, 0.6) * size / skill)
            touches = (len(predicted) + 1,)
            predicted.append(
                _lesion("predicted", i, place, inside + outside, inside, (i,))
            )
        reference.append(_lesion("reference", i, place, size, inside, touches))
    for _ in range(int(luck.poisson(1.2 / skill))):
        place = tuple(float(v) for v in luck.normal(0, 30, 3))
        predicted.append(
            _lesion("predicted", 0, place, int(luck.integers(2, 40)), 0, ())
        )
    predicted = [
        dataclasses.replace(p, id=i) for i, p in enumerate(predicted, start=1)
    ]
    return reference, predicted


def _lesion(mask, number, place, voxels, shared, touches):
    mm3 = voxels * VOXEL_MM3
    (name,) = [n for n, c in count_by_class([mm3]).items() if c]
    return LesionRow(
        mask=mask,
        id=number,
        centroid_mm=place,
        volume_mm3=mm3,
        voxels=voxels,
        size=mm3,
        size_class=name,
        overlap=shared / voxels,
        found=shared / voxels >= 0.4,
        side="left" if place[0] < 0 else "right",
        touches=touches,
    )


def _ratio(part, whole, empty):
    return part / whole if whole else empty


def _f1(found, reference, matched, predicted):
    if not reference or not predicted:
        return float(reference == predicted)
    recall, precision = found / reference, matched / predicted
    return _ratio(2 * recall * precision, recall + precision, 0.0)


def _lesion_scores(reference, predicted):
    found, matched = (sum(x.found for x in xs) for xs in (reference, predicted))
    nothing = not reference and not predicted
    false = len(predicted) - matched
    return {
        "lesion_recall": _ratio(
            found, len(reference), 1.0 if nothing else math.nan
        ),
        "lesion_precision": _ratio(
            matched, len(predicted), 1.0 if nothing else math.nan
        )
        if reference or not predicted
        else 0.0,
        "lesion_dice": _f1(found, len(reference), matched, len(predicted)),
        "lesion_accuracy": _ratio(found, len(reference) + false, 1.0),
    }


def _class_scores(name, all_reference, all_predicted):
    reference = [r for r in all_reference if r.size_class == name]
    predicted = [p for p in all_predicted if p.size_class == name]
    ids = {r.id for r in reference}
    belongs = [
        p
        for p in all_predicted
        if ids & set(p.touches) or (not p.touches and p.size_class == name)
    ]
    tp = sum(round(r.overlap * r.voxels) for r in reference)
    size = sum(r.voxels for r in reference)
    both = size + sum(p.voxels for p in belongs)
    return ClassScores(
        reference_lesions=len(reference),
        found_lesions=sum(r.found for r in reference),
        predicted_lesions=len(predicted),
        matched_lesions=sum(p.found for p in predicted),
        reference_volume_ml=size * VOXEL_MM3 / 1000,
        predicted_volume_ml=sum(p.voxels for p in predicted) * VOXEL_MM3 / 1000,
        dice_within=_ratio(2 * tp, tp + size, math.nan),
        dice=_ratio(2 * tp, both, 1.0),
        **_lesion_scores(reference, predicted),
    )


def _patient_scores(counts, reference, predicted, luck, skill):
    size, total = counts.tp + counts.fn, counts.tp + counts.fp
    nothing = not size and not total
    dice = _ratio(2 * counts.tp, size + total, 1.0)
    lesions = _lesion_scores(reference, predicted)
    known = skill is not None and size > 0
    noise = float(luck.random())
    return PatientScores(
        dice=dice,
        precision=_ratio(counts.tp, total, 1.0 if nothing else math.nan),
        recall=_ratio(counts.tp, size, 1.0 if nothing else math.nan),
        accuracy=(counts.tp + counts.tn) / BRAIN_VOXELS,
        auc=0.95 + 0.04 * skill + 0.005 * noise if known else math.nan,
        average_precision=0.7 * skill + 0.1 * noise if known else math.nan,
        **lesions,
        challenge_dsc=dice,
        challenge_h95_mm=(
            2 + 8 * noise if size and total else 0.0 if nothing else math.nan
        ),
        challenge_avd_percent=_ratio(
            100 * abs(total - size), size, 0.0 if nothing else math.nan
        ),
        challenge_lesion_recall=lesions["lesion_recall"],
        challenge_lesion_f1=lesions["lesion_dice"],
        reference_volume_ml=size * VOXEL_MM3 / 1000,
        predicted_volume_ml=total * VOXEL_MM3 / 1000,
        reference_lesions=len(reference),
        predicted_lesions=len(predicted),
    )


# --- a cohort --------------------------------------------------------------


def make_summary(name, volumes):
    return _without_nan(
        {
            "format": 2,
            "evaluated": {
                "kind": "model",
                "data_identity": "d" * 64,
                "split": "test",
                "model": {
                    "network": "unet",
                    "network_arguments": {
                        "side": 96,
                        "channels": 1,
                        "filters": [8, 16, 32, 64],
                    },
                },
                "threshold": 0.5,
                "rules": {
                    "size": {
                        "unit": "mm3",
                        "small_below": 20.0,
                        "large_above": 150.0,
                    },
                    "lesion_overlap": 0.4,
                    "lesion_precision": "same",
                    "min_lesion_mm3": 0.0,
                },
            },
            "paths": {"data_dir": "data", "model": f"runs/{name}"},
            **_summarize_volumes(volumes),
            "bootstrap": {
                "seed": 0,
                "num_resamples": 10_000,
                "confidence": 0.95,
            },
            "sites": {
                site: _summarize_volumes(
                    [v for v in volumes if v.key.site == site]
                )
                for site in sorted({v.key.site for v in volumes})
            },
            "size_classes": {
                name: _summarize_class(name, volumes) for name in SIZE_CLASSES
            },
            "volume_agreement": _volume_agreement(volumes),
            "mean_curves": _mean_curves(volumes),
            "skipped": [],
            "warnings": [],
            "pictures": {},
            "versions": {"wmh-keras": "0.1.0", "python": "3.11"},
            "created": "2026-01-01T00:00:00+00:00",
        }
    )


def _summary(values):
    return dataclasses.asdict(summarize(values))


def _summarize_volumes(volumes):
    pooled = sum((v.counts for v in volumes[1:]), start=volumes[0].counts)
    scores = {}
    for name in SCORE_COLUMNS:
        values = [float(getattr(v.scores, name)) for v in volumes]
        scores[name] = _summary(values) | {
            "nan_volumes": sum(map(math.isnan, values))
        }
    p, r = scores["precision"]["mean"], scores["recall"]["mean"]
    return {
        "num_subjects": len(volumes),
        "num_volumes": len(volumes),
        "scores": scores,
        "pooled_counts": dataclasses.asdict(pooled),
        "pooled_dice": _ratio(
            2 * pooled.tp, 2 * pooled.tp + pooled.fp + pooled.fn, 1.0
        ),
        "dice_of_means": _ratio(2 * p * r, p + r, math.nan),
    }


def _summarize_class(name, volumes):
    rows = [v.classes[name] for v in volumes]
    having = [row for row in rows if row.reference_lesions]

    def total(field):
        return sum(getattr(row, field) for row in rows)

    counts = {
        field: total(field)
        for field in (
            "reference_lesions",
            "found_lesions",
            "predicted_lesions",
            "matched_lesions",
            "reference_volume_ml",
            "predicted_volume_ml",
        )
    }
    return {
        **counts,
        "pooled_recall": _ratio(
            counts["found_lesions"], counts["reference_lesions"], math.nan
        ),
        "pooled_precision": _ratio(
            counts["matched_lesions"], counts["predicted_lesions"], math.nan
        ),
        "patients_with": len(having),
        "scores": {
            field: _summary([getattr(row, field) for row in rows])
            for field in CLASS_FIELDS
        },
        "scores_with": {
            field: _summary([getattr(row, field) for row in having])
            for field in CLASS_FIELDS
        },
    }


def _volume_agreement(volumes):
    reference, predicted = (
        np.array([getattr(v.scores, f"{side}_volume_ml") for v in volumes])
        for side in ("reference", "predicted")
    )
    both = np.stack([reference, predicted], axis=1)
    return {
        "n": len(volumes),
        "bland_altman": dataclasses.asdict(bland_altman(reference, predicted)),
        "icc_a1": dataclasses.asdict(icc_a1(both)),
        "correlation": dataclasses.asdict(correlation(reference, predicted)),
    }


def _mean_curves(volumes):
    known = [v.curves for v in volumes if v.curves is not None]
    if not known:
        return None

    def block(x, rows):
        table = np.stack(rows)
        sd = np.full(len(x), math.nan)
        if len(rows) > 1:
            sd = table.std(axis=0, ddof=1)
        return {
            "x": x.tolist(),
            "mean": table.mean(axis=0).tolist(),
            "sd": sd.tolist(),
            "n": len(rows),
        }

    return {
        "roc": block(ROC_X, [c.tpr for c in known]),
        "precision_recall": block(PR_X, [c.precision for c in known]),
    }


def _without_nan(value):
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


# --- several models, raters, data ------------------------------------------


def make_ratings(evaluation):
    luck = np.random.default_rng(11)
    scores = {}
    for volume in evaluation.volumes:
        subject = volume.key.subject_id
        quality = 1 + round(3 * min(1.0, volume.scores.dice + 0.15))
        scores[subject] = {
            rater: int(np.clip(quality + luck.integers(-1, 2), 1, 4))
            for rater in RATERS
        }
    table = np.array([[row[r] for r in RATERS] for row in scores.values()])
    return RatingStudy(
        model=evaluation.name,
        raters=RATERS,
        subjects=evaluation.subjects,
        scores=scores,
        median_grades={
            subject: float(np.median(list(row.values())))
            for subject, row in scores.items()
        },
        agreement=rater_agreement(table, RATERS),
        proposals=propose_grades(evaluation),
    )


def make_data(test_keys):
    """A card and a list of cases: the evaluated patients are the test split."""
    luck = np.random.default_rng(3)
    groups = {
        "train": [VolumeKey(f"t{i:02}", site="north") for i in range(16)],
        "validation": [VolumeKey(f"v{i:02}", site="south") for i in range(4)],
        "test": test_keys,
    }
    cases, splits = [], {}
    for split, keys in groups.items():
        rows = [_case(key, split, luck) for key in keys]
        cases += rows
        splits[split] = _split(rows)
    for i, (status, reason) in enumerate(
        [("excluded", "motion"), ("excluded", "motion"), ("skipped", "no mask")]
    ):
        cases.append(
            _case(VolumeKey(f"x{i:02}", site="north"), "", luck)
            | {"status": status, "reason": reason, "lesions": "", "wmh_ml": ""}
        )
    card = {
        "name": "wmh-keras data set",
        "identity": "d" * 64,
        "splits": splits,
        "left_out": {"excluded": 2, "skipped": 1},
        "warnings": 0,
        "versions": {"wmh-keras": "0.1.0", "python": "3.11"},
    }
    return DataSummary(card=card, cases=cases)


def _case(key, split, luck):
    side = float(luck.choice([0.43, 0.5, 0.9]))
    depth = float(luck.choice([5.5, 6.0, 12.0]))
    return {
        "volume_id": f"sub-{key.subject_id}",
        "subject_id": key.subject_id,
        "session": "",
        "run": "",
        "site": key.site,
        "status": "prepared",
        "split": split,
        "reason": "",
        "num_slices": "24",
        "native_shape": "384x384x24",
        "spacing_mm": f"{side:g}x{side:g}x{depth:g}",
        "orientation": "LAS",
        "lesions": str(int(luck.integers(3, 20))),
        "wmh_ml": f"{luck.uniform(0.2, 30):.3f}",
        "scanner": "Scanner A",
        "field_strength": "3",
        "age": str(int(luck.integers(40, 80))),
        "sex": str(luck.choice(["F", "M"])),
        "warnings": "",
        "relative_path": "",
    }


def _split(rows):
    spacings = np.array([row["spacing_mm"].split("x") for row in rows], float)
    count = sum(int(row["lesions"]) for row in rows)
    volumes = [float(row["wmh_ml"]) for row in rows]
    sites = [row["site"] for row in rows]
    return {
        "subjects": len(rows),
        "volumes": len(rows),
        "slices": 24 * len(rows),
        "slices_with_wmh": 12 * len(rows),
        "sites": {site: sites.count(site) for site in sorted(set(sites))},
        "spacing_mm": {
            axis: [
                float(column.min()),
                float(np.median(column)),
                float(column.max()),
            ]
            for axis, column in zip("xyz", spacings.T, strict=True)
        },
        "lesions": {
            "count": count,
            "small": count - count // 2 - count // 8,
            "medium": count // 2,
            "large": count // 8,
            "median_ml": float(np.median(volumes)),
            "total_ml": sum(volumes),
            "volumes_without": 0,
        },
    }
