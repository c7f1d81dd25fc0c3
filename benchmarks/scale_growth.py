"""How costs grow with the number of volumes: fits, and what they foretell."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.optimize import nnls

# Quantity to its unit.
QUANTITIES = {
    "wall_seconds": "s",
    "cpu_seconds": "s",
    "peak_gb": "GB",
    "disk_gb": "GB",
}
# Below it a cost is taken for one that does not grow.
_CONSTANT_EXPONENT = 0.05


@dataclasses.dataclass(frozen=True)
class Growth:
    """Two models of a cost y that was measured at several sizes n.

    Attributes:
      exponent: p of y = c nᵖ; 1 is linear, 0 constant.
      fixed: a of y = a + b n, at least 0.
      per_volume: b, at least 0.
      worst: largest |a + b n - y| / y at the measured sizes.
    """

    exponent: float
    fixed: float
    per_volume: float
    worst: float

    def at(self, volumes: float) -> float:
        """Returns a + b n."""
        return self.fixed + self.per_volume * volumes


def fit_growth(volumes: Sequence[float], costs: Sequence[float]) -> Growth:
    """Fits both models.

    The power law is a straight line through (log n, log y) by least squares;
    a fixed start-up pulls its exponent down. The linear model minimises the
    sum of ((a + b n - y) / y)², so that small sizes count as much as large
    ones, under a >= 0 and b >= 0: time and memory are never given back.

    Args:
      volumes: at least two different sizes, above 0.
      costs: what was measured at each, above 0.

    Raises:
      ValueError: fewer than two sizes, or a number that is not above 0.
    """
    n, y = np.asarray(volumes, float), np.asarray(costs, float)
    if len(set(n.tolist())) < 2 or n.min() <= 0 or y.min() <= 0:
        raise ValueError(
            "expected two sizes or more and numbers above 0, received "
            f"{list(volumes)} and {list(costs)}"
        )
    exponent = float(np.polyfit(np.log(n), np.log(y), 1)[0])
    # In units of the largest size, so that neither column outweighs the other.
    scaled = n / n.max()
    (fixed, slope), _ = nnls(
        np.stack([np.ones_like(n), scaled], 1) / y[:, None], np.ones_like(y)
    )
    per_volume = slope / n.max()
    worst = float(np.abs((fixed + per_volume * n) / y - 1).max())
    return Growth(exponent, float(fixed), float(per_volume), worst)


def fit_steps(
    rows: Sequence[Mapping],
    start_up: Mapping[str, Mapping[str, Growth]] | None = None,
) -> dict[str, dict[str, Growth]]:
    """Fits every quantity of every step.

    Args:
      rows: "step", "volumes" and the quantities of each measured step.
      start_up: fits of smaller volumes. A step that was measured at one size
        alone takes its a from there, as the start of a program is the same,
        and of what does not grow its b; its exponent is NaN. Without, such a
        step is left out.

    Returns:
      Step to quantity to its growth. A quantity that is 0 somewhere, such as
      the disk of a step that writes nothing, is left out.
    """
    fitted = {}
    for step in dict.fromkeys(row["step"] for row in rows):
        own = [row for row in rows if row["step"] == step]
        sizes = [row["volumes"] for row in own]
        known = (start_up or {}).get(step, {})
        fitted[step] = {}
        for name in QUANTITIES:
            costs = [row[name] for row in own]
            if min(costs) <= 0:
                continue
            if len(set(sizes)) > 1:
                fitted[step][name] = fit_growth(sizes, costs)
            elif name in known:
                fitted[step][name] = _from_one_size(
                    name, known[name], sizes[0], costs[0]
                )
    return {step: growths for step, growths in fitted.items() if growths}


def _from_one_size(
    name: str, known: Growth, volumes: int, cost: float
) -> Growth:
    """Returns the line through one cost, from what smaller volumes showed."""
    # Memory, or a fixed number of steps: it grows with the size of the volumes,
    # and with their number no more than it did for small ones.
    if name == "peak_gb" or known.exponent < _CONSTANT_EXPONENT:
        return Growth(math.nan, cost, known.per_volume, 0.0)
    fixed = min(known.fixed, cost)
    return Growth(math.nan, fixed, (cost - fixed) / volumes, 0.0)


def format_rows(rows: Sequence[Mapping]) -> str:
    """Returns a table of what was measured."""
    lines = [
        f"{'step':14}{'volumes':>8}{'wall':>11}{'CPU':>11}{'peak':>10}"
        f"{'on disk':>11}{'load':>6}"
    ]
    lines += [
        f"{row['step']:14}{row['volumes']:>8,}{row['wall_seconds']:>9.1f} s"
        f"{row['cpu_seconds']:>9.1f} s{row['peak_gb']:>7.2f} GB"
        f"{_format(row['disk_gb'], 'GB'):>11}{row['load']:>6.1f}"
        for row in rows
    ]
    return "\n".join(lines)


def format_growth(fitted: Mapping[str, Mapping[str, Growth]]) -> str:
    """Returns a table of the fits; empty where nothing could be fitted."""
    if not fitted:
        return "two sizes or more are needed to fit growth"
    lines = [
        f"{'step':14}{'what':14}{'exponent':>9}{'fixed':>13}"
        f"{'1,000 volumes':>17}{'off by':>8}"
    ]
    for step, growths in fitted.items():
        for name, growth in growths.items():
            unit = QUANTITIES[name]
            exponent = f"{growth.exponent:.2f}".replace("nan", "")
            lines.append(
                f"{step:14}{name.rpartition('_')[0]:14}{exponent:>9}"
                f"{_format(growth.fixed, unit):>13}"
                f"{_format(growth.per_volume * 1000, unit):>17}"
                f"{growth.worst:>8.0%}"
            )
    return "\n".join(lines)


def format_forecast(
    fitted: Mapping[str, Mapping[str, Growth]], volumes: Sequence[int]
) -> str:
    """Returns what so many volumes would cost by the linear model."""
    lines = []
    for count in volumes:
        lines.append(
            f"{f'{count:,} volumes':26}{'wall':>11}{'CPU':>11}{'peak':>11}"
            f"{'on disk':>11}"
        )
        for step, growths in fitted.items():
            cells = [
                _format(growths[name].at(count), unit)
                if name in growths
                else ""
                for name, unit in QUANTITIES.items()
            ]
            lines.append(f"  {step:24}" + "".join(f"{c:>11}" for c in cells))
    lines.append(
        "peak: an upper limit, as the buffers that fill at these sizes have "
        "limits"
    )
    return "\n".join(lines)


def _format(value: float, unit: str) -> str:
    if unit == "GB":
        if value < 1:
            return f"{value * 1000:.1f} MB"
        return f"{value:,.1f} GB" if value < 1000 else f"{value / 1000:,.1f} TB"
    for seconds, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if value >= 2 * seconds:
            return f"{value / seconds:,.1f} {name}"
    # Two digits, as nothing here is known to more.
    digits = max(1 - math.floor(math.log10(value)), 0) if value > 0 else 0
    return f"{value:.{digits}f} s"
