import json
import subprocess
import sys
import time

import pytest
from scale_growth import fit_growth, fit_steps, format_forecast, format_growth
from scale_process import folder_bytes, run_measured
from scale_steps import NEEDS, STEPS, Series, study_steps

SIZES = (10, 100, 1000)


def test_a_line_is_found_again():
    growth = fit_growth(SIZES, [5 + 2 * n for n in SIZES])
    assert growth.fixed == pytest.approx(5)
    assert growth.per_volume == pytest.approx(2)
    assert growth.at(100_000) == pytest.approx(200_005)
    assert growth.worst == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("power", [0, 0.5, 1, 2])
def test_a_power_law_is_found_again(power):
    growth = fit_growth(SIZES, [3 * n**power for n in SIZES])
    assert growth.exponent == pytest.approx(power)


def test_what_does_not_grow_is_fixed():
    growth = fit_growth(SIZES, [4, 4, 4])
    assert (growth.fixed, growth.per_volume) == pytest.approx((4, 0))


def test_costs_that_fall_are_not_carried_on_below_zero():
    growth = fit_growth(SIZES, [9, 8, 7])
    assert growth.per_volume == 0
    assert 7 < growth.at(100_000) < 9


def test_superlinear_growth_is_seen_as_off_the_line():
    growth = fit_growth(SIZES, [n**2 for n in SIZES])
    assert growth.worst > 0.5


@pytest.mark.parametrize(
    ("sizes", "costs"), [((10,), (1,)), ((10, 10), (1, 2)), ((1, 2), (0, 1))]
)
def test_what_cannot_be_fitted(sizes, costs):
    with pytest.raises(ValueError, match="two sizes"):
        fit_growth(sizes, costs)


def test_steps_are_fitted_each_and_shown():
    rows = [
        {
            "step": step,
            "volumes": n,
            "wall_seconds": 10 + n * factor,
            "cpu_seconds": 10.0,
            "peak_gb": 1.5,
            "disk_gb": 0.0,
        }
        for step, factor in (("prepare", 1), ("predict", 36))
        for n in SIZES
    ]
    fitted = fit_steps(rows)
    assert list(fitted) == ["prepare", "predict"]
    assert "disk_gb" not in fitted["prepare"]
    assert fitted["predict"]["wall_seconds"].per_volume == pytest.approx(36)
    text = format_forecast(fitted, [1000])
    assert "10.0 h" in text  # 36,010 s
    assert "1.5 GB" in text
    assert format_growth(fitted).count("\n") == 6
    assert "two sizes" in format_growth(fit_steps(rows[:1]))


ALLOCATE = "x = bytearray(150_000_000); x[::1024] = b'1' * len(x[::1024]); "


def test_memory_is_that_of_all_processes_together(tmp_path, repository):
    child = ALLOCATE + "import time; time.sleep(1)"
    parent = ALLOCATE + (
        "import subprocess, sys; "
        f"subprocess.run([sys.executable, '-c', {child!r}], check=True)"
    )
    # From a small process: a child's peak starts from that of its parent.
    measure = (
        "import dataclasses, json, pathlib, sys; "
        "from scale_process import run_measured; "
        "cost = run_measured(['-c', sys.argv[1]], pathlib.Path(sys.argv[2])); "
        "print(json.dumps(dataclasses.asdict(cost)))"
    )
    alone, both = (
        json.loads(
            subprocess.run(
                [sys.executable, "-c", measure, code, str(tmp_path / "log")],
                cwd=repository / "benchmarks",
                capture_output=True,
                check=True,
            ).stdout
        )
        for code in (child, parent)
    )
    assert 0.15 < alone["peak_gb"] < 0.25
    assert 0.3 < both["peak_gb"] < 0.5
    assert alone["wall_seconds"] > 1
    assert 0 < alone["cpu_seconds"] < alone["wall_seconds"]


def test_a_program_that_fails_is_named_with_what_it_said(tmp_path):
    with pytest.raises(SystemExit, match=r"failed with 3(.|\n)*no such thing"):
        run_measured(
            ["-c", "print('no such thing'); raise SystemExit(3)"],
            tmp_path / "log",
        )


def test_an_interrupt_ends_the_program(tmp_path, monkeypatch):
    marker = tmp_path / "finished"
    code = f"import time; time.sleep(1); open({str(marker)!r}, 'w')"

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.wait4", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_measured(["-c", code], tmp_path / "log")
    time.sleep(1.5)
    assert not marker.exists()


def test_bytes_of_a_folder(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_bytes(b"123")
    (tmp_path / "y").write_bytes(b"4")
    assert folder_bytes(tmp_path) == 4
    assert folder_bytes(tmp_path / "absent") == 0


def test_training_starts_on_one_validation_subject_whatever_the_size(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "splits.csv").write_text(
        "subject_id,split\na,train\nb,validation\nc,validation\n"
    )
    series = Series("small", (8, 8, 4), 8, (4,), 2, (4,))
    steps = list(study_steps(tmp_path, series, "jax", STEPS))
    assert [step.name for step in steps] == list(STEPS)
    subjects = tmp_path / "one_validation_subject.txt"
    assert subjects.read_text() == "b\n"
    assert f"--validation_subjects={subjects}" in steps[1].command
    assert not any("steps_per_epoch" in flag for flag in steps[2].command)
    assert set(NEEDS) < set(STEPS)


def test_a_study_is_measured_once_and_kept(tmp_path, repository):
    output = tmp_path / "scale.json"

    def run(*more):
        command = [sys.executable, str(repository / "benchmarks" / "scale.py")]
        command += [f"--output={output}", f"--scratch={tmp_path}"]
        command += ["--sizes=8", "--side=32", "--slices=4", "--design_sizes="]
        return subprocess.run(
            [*command, "--steps=prepare", *more],
            cwd=repository,
            capture_output=True,
            text=True,
            check=False,
        )

    first = run()
    assert first.returncode == 0, first.stderr
    (row,) = json.loads(output.read_text())["rows"]
    assert (row["step"], row["volumes"]) == ("prepare", 8)
    assert row["wall_seconds"] > 0
    assert row["peak_gb"] > 0.1
    assert row["disk_gb"] > 8 * 4 * 32 * 32 * 3 / 1e9  # float16 and uint8
    before = output.stat().st_mtime_ns
    assert run().stdout == first.stdout
    assert output.stat().st_mtime_ns == before
    other = run("--side=48")
    assert other.returncode == 1
    assert "other settings" in other.stderr
    assert list(tmp_path.iterdir()) == [output]  # nothing is left behind


def test_one_size_is_carried_on_from_the_start_up_of_smaller_volumes():
    def row(n, wall, peak):
        return {
            "step": "predict",
            "volumes": n,
            "wall_seconds": wall,
            "cpu_seconds": wall,
            "peak_gb": peak,
            "disk_gb": n / 1000,
        }

    small = fit_steps([row(10, 12, 1), row(100, 30, 1), row(1000, 210, 1)])
    large = fit_steps([row(7, 150, 3.5)], small)["predict"]
    assert large["wall_seconds"].fixed == pytest.approx(10)
    assert large["wall_seconds"].per_volume == pytest.approx(20)
    # Memory grows with the volumes' size, not with their number.
    assert large["peak_gb"].at(100_000) == pytest.approx(3.5)
    assert fit_steps([row(7, 150, 3.5)]) == {}
    assert "nan" not in format_growth({"predict": large})
