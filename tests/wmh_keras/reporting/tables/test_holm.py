"""The p values of Table 4, adjusted anew."""

import itertools

import numpy as np
import pytest
from scipy import stats

from wmh_keras.reporting.tables.formats import p_value
from wmh_keras.reporting.tables.head_to_head import head_to_head_table


def wilcoxon_by_pair(study, score):
    """Unadjusted p by pair of models."""
    found = {}
    for first, second in itertools.combinations(study.evaluations, 2):
        differences = np.array(
            [
                getattr(a.scores, score) - getattr(b.scores, score)
                for a, b in zip(first.volumes, second.volumes, strict=True)
            ]
        )
        differences = differences[np.abs(differences) > 1e-12]
        found[first.name, second.name] = stats.wilcoxon(differences).pvalue
    return found


@pytest.mark.parametrize(
    ("score", "name"),
    [
        ("dice", "Dice"),
        ("accuracy", "Accuracy"),
        ("lesion_dice", "Lesion Dice (F1)"),
    ],
)
def test_table_4_prints_adjusted_p_values(study, cells, score, name):
    raw = wilcoxon_by_pair(study, score)
    smallest, middle, largest = sorted(raw, key=raw.get)
    adjusted = {smallest: min(1, 3 * raw[smallest])}
    adjusted[middle] = min(1, max(adjusted[smallest], 2 * raw[middle]))
    adjusted[largest] = max(adjusted[middle], raw[largest])
    best = max(
        study.evaluations,
        key=lambda e: np.mean([getattr(v.scores, score) for v in e.volumes]),
    ).name

    def lines(p_values):
        return [
            f"{a if b == best else b}: {p_value(p_values[a, b])}"
            for a, b in raw
            if best in (a, b)
        ]

    assert len(lines(adjusted)) == 2
    assert lines(adjusted) != lines(raw)
    row = cells(head_to_head_table(study), name)
    assert row["Wilcoxon-Holm p"].split("\n") == lines(adjusted)
