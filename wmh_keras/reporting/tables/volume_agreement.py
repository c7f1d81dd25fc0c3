"""Table S4: how far predicted and reference volumes agree."""

from collections.abc import Mapping
from typing import Any

from wmh_keras.reporting.study import Study
from wmh_keras.reporting.tables.formats import interval, known, number
from wmh_keras.reporting.tables.table import Part, Table

_BLOCKS = ("bland_altman", "icc_a1", "correlation")


def volume_agreement_table(study: Study) -> Table:
    """Bias, limits of agreement, ICC and correlations of each model."""
    records = [
        {"model": e.name, **_flat(e.summary["volume_agreement"])}
        for e in study.evaluations
    ]
    columns = list(dict.fromkeys(key for record in records for key in record))
    return Table(
        name="table_s4_volume_agreement",
        title="Table S4. Agreement of lesion volumes",
        parts=[
            Part(
                (
                    "Model",
                    "Bias (ml)",
                    "Lower limit (ml)",
                    "Upper limit (ml)",
                    "ICC(A,1)",
                    "Pearson r",
                    "Spearman ρ",
                    "n",
                ),
                [_row(record) for record in records],
            )
        ],
        notes=[
            "Predicted minus reference volume of each patient: bias and limits "
            "of agreement (± 1.96 SD) of Bland and Altman; ICC(A,1): two-way "
            "model, absolute agreement, single measurement. 95 % intervals in "
            "brackets.",
        ],
        columns=columns,
        records=records,
    )


def _flat(block: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {"n": block["n"]}
    for name in _BLOCKS:
        flat |= {
            f"{name}.{key}": value
            for key, value in block[name].items()
            if key != "n"
        }
    return flat


def _row(record: Mapping[str, Any]) -> list[str]:
    def cell(value: str, low: str, high: str, decimals: int) -> str:
        numbers = [known(record[key]) for key in (value, low, high)]
        text = number(numbers[0], decimals)
        around = interval(numbers[1], numbers[2], decimals)
        return f"{text}\n{around}" if around[0] == "[" else text

    bias, icc, r = _BLOCKS
    return [
        record["model"],
        cell(
            f"{bias}.mean_difference",
            f"{bias}.mean_ci_low",
            f"{bias}.mean_ci_high",
            2,
        ),
        *(
            cell(
                f"{bias}.{side}_limit",
                f"{bias}.{side}_ci_low",
                f"{bias}.{side}_ci_high",
                2,
            )
            for side in ("lower", "upper")
        ),
        cell(f"{icc}.value", f"{icc}.ci_low", f"{icc}.ci_high", 3),
        cell(f"{r}.pearson_r", f"{r}.ci_low", f"{r}.ci_high", 3),
        number(known(record[f"{r}.spearman_rho"])),
        f"{record['n']:,}",
    ]
