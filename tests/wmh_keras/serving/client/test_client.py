"""The program as a user runs it, against a server of the real messages."""

import csv
import json
import re

import nibabel as nib
import numpy as np
import pytest

from data_prep.nifti_writing import write_image
from wmh_keras.client import cli

QUICK = ("--retries=0", "--timeout_seconds=60")


@pytest.fixture
def head_file(make_head, tmp_path):
    """A head in an orientation of its own; 2 lesions of 9 voxels of 24 mm³."""
    head = make_head(blobs=[(20, 14, 5), (8, 9, 3)])
    image = nib.Nifti1Image(head.data, head.affine)
    turn = nib.orientations.ornt_transform(
        nib.orientations.io_orientation(head.affine),
        nib.orientations.axcodes2ornt("LPS"),
    )
    folder = tmp_path / "in"
    folder.mkdir()
    path = folder / "X.nii.gz"
    nib.save(image.as_reoriented(turn), path)
    return path


@pytest.fixture
def ask(protocol, tmp_path):
    """Runs wmh-client: (server, input, *flags) -> exit code."""

    def run(server, source, *flags):
        return cli(
            [
                "wmh-client",
                f"--server={server}",
                f"--protocol={protocol}",
                f"--input={source}",
                f"--output_dir={tmp_path / 'out'}",
                *(QUICK if not any("retries" in f for f in flags) else ()),
                *flags,
            ]
        )

    return run


def rows_of(folder):
    path = folder / "volumes.csv"
    with open(path, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def results_of(folder):
    """Names of the images that lie there, unfinished ones included."""
    return sorted(path.name for path in folder.rglob("*.nii*"))


@pytest.mark.parametrize("route", ["volume", "slices"])
def test_a_mask_on_the_flair_s_own_grid(
    route,
    serve,
    backend,
    ask,
    protocol,
    identity,
    head_file,
    tmp_path,
    capsys,
):
    assert ask(serve(backend), head_file, f"--route={route}") == 0
    out = tmp_path / "out"
    flair = nib.load(head_file)
    mask = nib.load(out / "X_mask.nii.gz")
    assert mask.get_data_dtype() == np.uint8
    assert nib.aff2axcodes(mask.affine) == tuple("LPS")
    np.testing.assert_array_equal(mask.affine, flair.affine)
    np.testing.assert_array_equal(mask.dataobj, flair.get_fdata() > 300)
    probability = nib.load(out / "X_probability.nii.gz").get_fdata()
    np.testing.assert_array_equal(
        probability >= 0.5, np.asarray(mask.dataobj) == 1
    )
    record = json.loads((out / "X_prediction.json").read_text())
    scheme = {"grpc": "grpc", "rest": "http"}[protocol]
    assert re.fullmatch(
        rf"{identity} \(version 1 of wmh at {scheme}://localhost:\d+\)",
        record["settings"]["model"],
    )
    assert record["settings"]["threshold"] == 0.5
    assert record["row"]["engine"] == f"serving ({protocol})"
    (row,) = rows_of(out)
    assert row["status"] == "done"
    assert float(row["volume_ml"]) == pytest.approx(18 * 24 / 1000)
    name = {"volume": "segment_volume", "slices": "serving_default"}[route]
    assert set(backend.predictions()) == {name}
    assert "1 segmented" in capsys.readouterr().out


def test_large_volumes_go_in_slices(serve, backend, ask, head_file, tmp_path):
    # 32 × 28 × 10 voxels of 4 bytes are 0.03584 MB.
    server = serve(backend)
    assert ask(server, head_file, "--max_volume_mb=0.0359") == 0
    assert backend.predictions() == ["segment_volume"]
    backend.asked.clear()
    flags = ("--max_volume_mb=0.0358", "--batch_size=4", "--overwrite")
    assert ask(server, head_file, *flags) == 0
    assert backend.predictions() == ["serving_default"] * 3
    shapes = [
        np.shape(inputs["slices"])
        for _, signature, inputs in backend.asked
        if signature == "serving_default"
    ]
    assert shapes == [(4, 32, 32, 1)] * 3


def test_the_server_gets_axes_and_spacing_as_agreed(
    serve_grpc, backend, make_head, tmp_path
):
    head = make_head(affine=np.diag([2.0, 1.5, 6.0, 1.0]))
    write_image(tmp_path / "X.nii.gz", head.data, head)
    flags = [f"--input={tmp_path / 'X.nii.gz'}", f"--output_dir={tmp_path}/o"]
    server = serve_grpc(backend)
    assert cli(["wmh-client", f"--server={server}", *flags]) == 0
    ((_, _, inputs),) = [a for a in backend.asked if a[1] == "segment_volume"]
    np.testing.assert_array_equal(
        inputs["volume"][0], head.data.transpose(2, 1, 0)
    )
    np.testing.assert_array_equal(inputs["spacing_mm"], [[1.5, 2.0]])
    np.testing.assert_array_equal(inputs["threshold"], [0.5])


def test_threshold_and_minimum_size_are_the_user_s(
    serve, backend, ask, head_file, tmp_path
):
    # Each lesion has 9 voxels of 24 mm³.
    flags = ("--threshold=0.9", "--min_lesion_mm3=217")
    assert ask(serve(backend), head_file, *flags) == 0
    settings = json.loads((tmp_path / "out/X_prediction.json").read_text())
    assert settings["settings"]["threshold"] == 0.9
    assert not nib.load(tmp_path / "out/X_mask.nii.gz").get_fdata().any()


def test_what_is_done_is_skipped_and_other_settings_are_refused(
    serve, backend, ask, head_file, capsys
):
    server = serve(backend)
    assert ask(server, head_file) == 0
    backend.asked.clear()
    assert ask(server, head_file) == 0
    assert backend.predictions() == []
    assert "1 already done" in capsys.readouterr().out
    assert ask(server, head_file, "--threshold=0.4") == 1
    assert "this run has 0.4" in capsys.readouterr().err
    # A new version at the same server is another model.
    backend.states[2] = "AVAILABLE"
    assert ask(server, head_file) == 1
    assert "version 2 of wmh" in capsys.readouterr().err
    assert ask(server, head_file, "--model_version=1") == 0


def test_dry_run_writes_nothing(
    serve, backend, ask, head_file, tmp_path, capsys
):
    assert ask(serve(backend), head_file, "--dry_run") == 0
    assert "X.nii.gz -> X_mask.nii.gz" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()
    assert backend.predictions() == []


def test_nobody_there(unused_address, ask, head_file, tmp_path, capsys):
    assert ask(unused_address, head_file, "--retries=1") == 1
    error = capsys.readouterr().err
    assert "try 2 of 2" in error
    assert "is the server running there" in error
    assert "Traceback" not in error
    assert not (tmp_path / "out").exists()


def test_no_such_model(serve, backend, ask, head_file, capsys):
    assert ask(serve(backend), head_file, "--model_name=other") == 1
    error = capsys.readouterr().err
    assert "other" in error
    assert "check --model_name and --model_version" in error


def test_no_such_version(serve, backend, ask, head_file, capsys):
    backend.states[3] = "END"
    assert ask(serve(backend), head_file, "--model_version=3") == 1
    error = capsys.readouterr().err
    assert "version 3 is not available" in error
    assert "version 1 is AVAILABLE; version 3 is END" in error


def test_a_version_that_is_still_loading_is_waited_for(
    serve, backend, ask, head_file, capsys
):
    backend.states = {1: "LOADING"}
    assert ask(serve(backend), head_file, "--retries=1") == 1
    error = capsys.readouterr().err
    assert "wmh is still loading; try 2 of 2" in error


@pytest.mark.parametrize("route", ["volume", "slices"])
@pytest.mark.parametrize(
    ("alter", "message"),
    [
        (lambda p: p * np.nan, "are NaN or infinite"),
        (lambda p: p[:, :, 1:], "expected probabilities of shape"),
        (lambda p: p + 0.5, "expected probabilities from 0 to 1"),
    ],
)
def test_answers_that_cannot_be_used(
    alter, message, route, serve, backend, ask, head_file, tmp_path, capsys
):
    backend.alter = lambda out: {
        **out,
        "probability": alter(out["probability"]),
    }
    assert ask(serve(backend), head_file, f"--route={route}") == 1
    assert message in capsys.readouterr().out
    assert results_of(tmp_path / "out") == []
    (row,) = rows_of(tmp_path / "out")
    assert row["status"] == "failed"


def test_one_nan_is_enough(serve, backend, ask, head_file, tmp_path, capsys):
    def alter(outputs):
        outputs["probability"][0, 2, 3, 4] = np.nan
        return outputs

    backend.alter = alter
    assert ask(serve(backend), head_file) == 1
    assert "1 of 8960 probabilities are NaN" in capsys.readouterr().out
    assert results_of(tmp_path / "out") == []


def test_a_mask_that_contradicts_its_probabilities(
    serve, backend, ask, head_file, tmp_path, capsys
):
    backend.alter = lambda out: {**out, "mask": 1 - out["mask"]}
    assert ask(serve(backend), head_file) == 1
    assert "its mask is not what its" in capsys.readouterr().out
    assert results_of(tmp_path / "out") == []


def test_an_output_is_missing_or_of_another_type(
    serve, backend, ask, head_file, capsys
):
    server = serve(backend)
    backend.alter = lambda out: {
        "probability": out["probability"],
        "m": out["mask"],
    }
    assert ask(server, head_file) == 1
    assert "unreadable" in capsys.readouterr().out
    backend.alter = lambda out: {**out, "mask": out["mask"] * np.float32(0.5)}
    assert ask(server, head_file) == 1
    assert "unreadable" in capsys.readouterr().out


def test_another_version_answers(
    serve_grpc, backend, head_file, tmp_path, capsys
):
    backend.answers_version = 7
    flags = [f"--input={head_file}", f"--output_dir={tmp_path}/out", *QUICK]
    server = serve_grpc(backend)
    assert cli(["wmh-client", f"--server={server}", *flags]) == 1
    assert "version 7 of wmh answered" in capsys.readouterr().err


@pytest.mark.parametrize("protocol", ["grpc", "rest"], indirect=True)
def test_too_slow(serve, backend, ask, slow, head_file, tmp_path, capsys):
    backend.before = [lambda: None, slow(3)]
    flags = ("--timeout_seconds=1", "--retries=5")
    server = serve(backend)
    assert ask(server, head_file, *flags) == 1
    shown = capsys.readouterr()
    assert "no answer within 1 s" in shown.out
    assert "try 2" not in shown.err
    assert backend.predictions() == ["segment_volume"]
    assert results_of(tmp_path / "out") == []


def test_busy_for_a_moment(
    serve, backend, ask, refusal, head_file, tmp_path, capsys
):
    backend.before = [lambda: None, refusal("UNAVAILABLE", "queue is full")]
    assert ask(serve(backend), head_file, "--retries=1") == 0
    assert "queue is full" in capsys.readouterr().err
    assert results_of(tmp_path / "out") == [
        "X_mask.nii.gz",
        "X_probability.nii.gz",
    ]
    assert len(backend.predictions()) == 2


def test_a_proxy_that_asks_to_wait(
    serve_rest, backend, refusal, head_file, tmp_path, capsys
):
    busy = refusal("RESOURCE_EXHAUSTED", "too many", {"Retry-After": "1"})
    backend.before = [lambda: None, busy]
    server = serve_rest(backend)
    flags = [f"--input={head_file}", f"--output_dir={tmp_path}/out"]
    assert (
        cli(["wmh-client", f"--server={server}", "--protocol=rest", *flags])
        == 0
    )
    assert "try 2 of 5 in 1 s" in capsys.readouterr().err


@pytest.mark.parametrize(
    "code", ["INVALID_ARGUMENT", "RESOURCE_EXHAUSTED", "INTERNAL"]
)
def test_a_refused_scan_is_asked_once_and_the_others_go_on(
    code, serve, backend, ask, refusal, make_head, tmp_path, capsys
):
    for name in "AB":
        head = make_head()
        (tmp_path / "in").mkdir(exist_ok=True)
        write_image(tmp_path / "in" / f"{name}.nii.gz", head.data, head)
    backend.before = [lambda: None, refusal(code, "bad input")]
    assert ask(serve(backend), tmp_path / "in", "--retries=3") == 1
    shown = capsys.readouterr()
    assert "1 segmented, 0 already done, 1 failed" in shown.out
    assert "bad input" in shown.out
    assert len(backend.predictions()) == 2
    assert results_of(tmp_path / "out") == [
        "B_mask.nii.gz",
        "B_probability.nii.gz",
    ]


def test_the_server_goes_away_in_between(
    serve, backend, ask, refusal, make_head, tmp_path, capsys
):
    """The run ends, instead of every scan failing in turn."""
    for name in "ABC":
        head = make_head()
        (tmp_path / "in").mkdir(exist_ok=True)
        write_image(tmp_path / "in" / f"{name}.nii.gz", head.data, head)
    backend.before = [lambda: None, lambda: None, refusal("UNAVAILABLE")]
    server = serve(backend)
    assert ask(server, tmp_path / "in") == 1
    error = capsys.readouterr().err
    assert "the same command goes on" in error
    assert len(backend.predictions()) == 2
    states = {row["file"]: row["status"] for row in rows_of(tmp_path / "out")}
    assert states == {"A.nii.gz": "done", "B.nii.gz": "started"}
    assert ask(server, tmp_path / "in") == 0
    assert {row["status"] for row in rows_of(tmp_path / "out")} == {"done"}


def test_the_version_is_dropped_in_between(
    serve, backend, ask, make_head, tmp_path, capsys
):
    for name in "ABC":
        head = make_head()
        (tmp_path / "in").mkdir(exist_ok=True)
        write_image(tmp_path / "in" / f"{name}.nii.gz", head.data, head)

    def move_on():
        backend.states = {1: "END", 2: "AVAILABLE"}

    backend.before = [lambda: None, lambda: None, move_on]
    assert ask(serve(backend), tmp_path / "in", "--retries=2") == 1
    shown = capsys.readouterr()
    assert "The run has stopped" in shown.err
    assert "try 2" not in shown.err
    assert backend.predictions() == ["segment_volume"] * 2
    assert results_of(tmp_path / "out") == [
        "A_mask.nii.gz",
        "A_probability.nii.gz",
    ]


def test_a_cut_connection(
    serve, backend, ask, cut, head_file, tmp_path, capsys
):
    # What comes before the large answer passes.
    once = cut(serve(backend), allowed=20_000, cuts=1)
    assert ask(once.address, head_file, "--retries=3") == 0
    assert once.cuts == 0
    assert "try 2 of 4" in capsys.readouterr().err
    for_good = cut(serve(backend), allowed=20_000, cuts=99)
    flags = ("--retries=1", "--overwrite")
    assert ask(for_good.address, head_file, *flags) == 1
    assert "The run has stopped" in capsys.readouterr().err
    mask = nib.load(tmp_path / "out/X_mask.nii.gz")
    np.testing.assert_array_equal(
        mask.dataobj, nib.load(head_file).get_fdata() > 300
    )


def test_tls(serve, backend, certificates, ask, head_file, tmp_path, capsys):
    server = serve(backend, certificates)
    token = tmp_path / "token"
    token.write_text("s3cret\n")
    secured = ("--tls", f"--ca_file={certificates.certificate}")
    flags = (*secured, f"--token_file={token}")
    assert ask(server, head_file, *flags) == 0
    assert set(backend.tokens) == {"Bearer s3cret"}
    # A certificate that nobody known has signed.
    assert ask(server, head_file, "--tls", "--overwrite", "--retries=3") == 1
    error = capsys.readouterr().err
    assert "the connection cannot be secured" in error
    assert "try 2" not in error
    # Open, where the server wants it secured.
    assert ask(server, head_file, "--overwrite") == 1
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--server=localhost"], "expected HOST:PORT"),
        (["--server=localhost:99999"], "expected HOST:PORT"),
        (["--ca_file=x.pem"], "--ca_file: only with --tls"),
        (["--tls", "--client_cert=x.pem"], "together with its key"),
        (["--tls", "--token_file=missing"], "--token_file=missing"),
        (["--threshold=0"], "--threshold: expected above 0"),
        (["--timeout_seconds=0"], "timeout_seconds"),
        (["--max_volume_mb=5000"], "max_volume_mb"),
    ],
)
def test_wrong_usage(flags, message, capsys):
    fixed = ["--server=localhost:1", "--input=X", "--output_dir=Y"]
    assert cli(["wmh-client", *fixed, *flags]) == 2
    assert message in capsys.readouterr().err


def test_files_of_tls_that_cannot_be_used(ask, head_file, tmp_path, capsys):
    bad = tmp_path / "bad.pem"
    bad.write_text("no certificate")
    for path, message in ((bad, "PEM"), (tmp_path / "gone", "cannot be read")):
        flags = ("--tls", f"--ca_file={path}")
        assert ask("localhost:1", head_file, *flags) == 1
        assert message in capsys.readouterr().err


def test_a_model_that_does_not_describe_itself(
    serve, backend, ask, head_file, bright_model_dir, capsys
):
    backend.hidden = {"describe"}
    server = serve(backend)
    assert ask(server, head_file) == 1
    assert "--model" in capsys.readouterr().err
    assert ask(server, head_file, f"--model={bright_model_dir}") == 0
    assert "--model is trusted" in capsys.readouterr().out


def test_another_model_than_expected(
    serve, backend, ask, head_file, bright_model_dir, softer_model_dir, capsys
):
    server = serve(backend)
    assert ask(server, head_file, f"--model={bright_model_dir}") == 0
    assert ask(server, head_file, f"--model={softer_model_dir}") == 1
    assert "take --model away" in capsys.readouterr().err


def test_a_trusted_model_of_another_size(
    serve, backend, ask, head_file, save_model, tmp_path, capsys
):
    from data_prep.preprocess import PreprocessConfig
    from wmh_keras.models import build_model

    backend.hidden = {"describe"}
    folder = save_model(
        tmp_path / "model",
        [build_model("unet", side=16, filters=(2,))],
        network_arguments={"side": 16, "filters": [2]},
        preprocess=PreprocessConfig(side=16),
    )
    assert ask(serve(backend), head_file, f"--model={folder}") == 1
    assert "serving_default: expected slices of (16, 16, 1)" in (
        capsys.readouterr().err
    )


def test_a_model_without_whole_volumes(serve, backend, ask, head_file, capsys):
    backend.hidden = {"segment_volume"}
    server = serve(backend)
    assert ask(server, head_file) == 0
    assert set(backend.predictions()) == {"serving_default"}
    assert ask(server, head_file, "--route=volume", "--overwrite") == 1
    assert "takes no whole volumes" in capsys.readouterr().err


def test_some_other_model(serve, backend, ask, head_file, capsys):
    backend.hidden = {"serving_default"}
    assert ask(serve(backend), head_file) == 1
    assert "a model that wmh-export made" in capsys.readouterr().err
