"""Reads the imports and keeps the rooms apart."""

import ast
import functools
import importlib
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("data_prep", "tfds_wmh", "wmh_keras")
FRAMEWORKS = {
    "tensorflow",
    "tensorflow_datasets",
    "jax",
    "keras",
    "openvino",
    "onnx",
    "onnxruntime",
}
# Modules by the start of their names -> a package that may be missing.
OPTIONAL = {
    "wmh_keras.inference.openvino": "openvino",
    "wmh_keras.serving.openvino": "openvino",
    "wmh_keras.serving.onnx": "onnx",
}
# Packages that one module alone imports, in the way that it explains.
WRAPPED = {
    "nibabel": "data_prep.nibabel_runtime",
    "openvino": "wmh_keras.inference.openvino_runtime",
}
# What takes a second or more to import, before a program can say a word.
SLOW = {"scipy", "skimage", "nibabel", "pandas", "matplotlib"}
BINARIES = {
    "data_prep.make_phantoms",
    "data_prep.partial_masks",
    "data_prep.prepare",
    "tfds_wmh.share",
    "wmh_keras.bids_app",
    "wmh_keras.calibrate",
    "wmh_keras.client",
    "wmh_keras.compare",
    "wmh_keras.evaluate",
    "wmh_keras.export",
    "wmh_keras.pack_model",
    "wmh_keras.predict",
    "wmh_keras.report",
    "wmh_keras.train",
}
# Room -> the rooms of the project it may import. A room is a module or a
# package; the longest name that fits a module is its room.
MAY_IMPORT = {
    "data_prep": {"data_prep"},
    "tfds_wmh": {"tfds_wmh", "data_prep"},
    "wmh_keras": set(),
    "wmh_keras.models": set(),
    "wmh_keras.metrics": set(),
    "wmh_keras.statistics": set(),
    "wmh_keras.process_group": {"data_prep"},
    "wmh_keras.hosts": {"data_prep", "wmh_keras.process_group"},
    "wmh_keras.distribution": {"data_prep", "wmh_keras.process_group"},
    # Measures of scans; what a model keeps of them is plain numbers.
    "wmh_keras.plausibility": {
        "data_prep",
        "wmh_keras.metrics",
        "wmh_keras.plausibility.training_range",
    },
    "wmh_keras.plausibility.training_range": set(),
    "wmh_keras.model_info": {
        "data_prep",
        "wmh_keras.plausibility.training_range",
    },
    "wmh_keras.model_json": {
        "data_prep",
        "wmh_keras.model_info",
        "wmh_keras.plausibility.training_range",
    },
    "wmh_keras.weight_files": set(),
    "wmh_keras.shipped": {"data_prep"},
    "wmh_keras.artifacts": {
        "data_prep",
        "wmh_keras.model_info",
        "wmh_keras.model_json",
        "wmh_keras.models",
        "wmh_keras.weight_files",
    },
    "wmh_keras.packing": {
        "data_prep",
        "wmh_keras.artifacts",
        "wmh_keras.inference",
        "wmh_keras.model_info",
        "wmh_keras.model_json",
        "wmh_keras.plausibility.training_range",
        "wmh_keras.weight_files",
    },
    "wmh_keras.datasets": {"data_prep"},
    "wmh_keras.inference": {
        "data_prep",
        "wmh_keras.artifacts",
        "wmh_keras.datasets",
        "wmh_keras.distribution",
        "wmh_keras.metrics",
        "wmh_keras.model_info",
        "wmh_keras.models",
        "wmh_keras.shipped",
    },
    "wmh_keras.training": {
        "data_prep",
        "wmh_keras.artifacts",
        "wmh_keras.datasets",
        "wmh_keras.distribution",
        "wmh_keras.hosts",
        "wmh_keras.inference",
        "wmh_keras.metrics",
        "wmh_keras.model_info",
        "wmh_keras.models",
        "wmh_keras.plausibility",
        "wmh_keras.plausibility.training_range",
        "wmh_keras.process_group",
        "wmh_keras.shipped",
    },
    "wmh_keras.evaluation": {
        "data_prep",
        "wmh_keras.datasets",
        "wmh_keras.inference",
        "wmh_keras.metrics",
        "wmh_keras.model_info",
        "wmh_keras.pictures",
        "wmh_keras.shipped",
        "wmh_keras.statistics",
    },
    "wmh_keras.calibration": {
        "data_prep",
        "wmh_keras.artifacts",
        "wmh_keras.datasets",
        "wmh_keras.evaluation",
        "wmh_keras.inference",
        "wmh_keras.metrics",
        "wmh_keras.model_info",
        "wmh_keras.reporting",
        "wmh_keras.shipped",
    },
    "wmh_keras.comparison": {
        "data_prep",
        "wmh_keras.artifacts",
        "wmh_keras.calibration",
        "wmh_keras.datasets",
        "wmh_keras.evaluation",
        "wmh_keras.reporting",
        "wmh_keras.training",
    },
    "wmh_keras.pictures": {"data_prep"},
    "wmh_keras.prediction": {
        "data_prep",
        "wmh_keras.artifacts",
        "wmh_keras.distribution",
        "wmh_keras.inference",
        "wmh_keras.metrics",
        "wmh_keras.model_info",
        "wmh_keras.pictures",
        "wmh_keras.plausibility",
        "wmh_keras.plausibility.training_range",
        "wmh_keras.reporting",
    },
    # What the model says of itself: written by the export, read by clients.
    "wmh_keras.serving.description": {"data_prep"},
    "wmh_keras.serving.client": {
        "data_prep",
        "wmh_keras.artifacts",
        "wmh_keras.inference",
        "wmh_keras.model_info",
        "wmh_keras.prediction",
        "wmh_keras.serving.description",
        "wmh_keras.shipped",
    },
    "wmh_keras.serving": {
        "data_prep",
        "wmh_keras.artifacts",
        "wmh_keras.distribution",
        "wmh_keras.inference",
        "wmh_keras.model_info",
        "wmh_keras.models",
        "wmh_keras.serving.description",
        "wmh_keras.shipped",
    },
    "wmh_keras.reporting": {
        "data_prep",
        "wmh_keras.artifacts",
        "wmh_keras.datasets",
        "wmh_keras.evaluation",
        "wmh_keras.model_info",
        "wmh_keras.models",
        "wmh_keras.pictures",
        "wmh_keras.statistics",
    },
}
NO_FRAMEWORKS = (
    "data_prep",
    "wmh_keras.metrics",
    "wmh_keras.serving.client",
    "wmh_keras.serving.description",
    "wmh_keras.statistics",
)


@functools.cache
def modules() -> tuple[str, ...]:
    paths = [p for name in PACKAGES for p in (ROOT / name).rglob("*.py")]
    names = [p.relative_to(ROOT).with_suffix("") for p in paths]
    return tuple(
        sorted(".".join(n.parts).removesuffix(".__init__") for n in names)
    )


@functools.cache
def tree_of(module: str) -> ast.Module:
    path = ROOT.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(path.read_text(encoding="utf-8"))


def imports_of(module: str) -> set[str]:
    """Every module named in an import, wherever in the file it stands."""
    found = set()
    known = set(modules())
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: a relative import"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if whole in known else node.module)
    return found - {module}


def room_of(module: str) -> str:
    fitting = [
        room
        for room in MAY_IMPORT
        if module == room or module.startswith(f"{room}.")
    ]
    return max(fitting, key=len)


@pytest.mark.parametrize("module", modules())
def test_rooms_are_kept_apart(module):
    imported = imports_of(module)
    own = {name for name in imported if name.split(".")[0] in PACKAGES}
    assert not own & BINARIES, "nobody imports a binary"
    if module in BINARIES:
        return
    room = room_of(module)
    allowed = MAY_IMPORT[room] | {room, "wmh_keras"}
    for name in own:
        assert room_of(name) in allowed, f"{module} may not import {name}"
    roots = {name.split(".")[0] for name in imported}
    if room in NO_FRAMEWORKS:
        assert not roots & FRAMEWORKS, f"{module} has to do without them"
    if room == "wmh_keras.models":
        assert not roots & (FRAMEWORKS - {"keras"}), f"{module}: keras only"


def test_data_prep_s_program_may_use_the_data_set_but_its_library_not():
    for module in modules():
        if module.startswith("data_prep") and module not in BINARIES:
            assert not any(n.startswith("tfds_wmh") for n in imports_of(module))


def test_every_module_imports_in_one_process():
    missing = tuple(
        start
        for start, package in OPTIONAL.items()
        if importlib.util.find_spec(package) is None
    )
    for module in modules():
        if not module.startswith(missing):
            importlib.import_module(module)


@pytest.mark.parametrize("module", sorted(BINARIES))
def test_importing_a_program_imports_no_framework(module, run_python):
    # The programs of data_prep start with reading images.
    heavy = FRAMEWORKS | (SLOW if module.startswith("wmh_keras.") else set())
    if module.startswith("tfds_wmh."):
        heavy -= {"tensorflow_datasets"}  # Its package registers the data set.
    code = (
        f"import sys, {module}\n"
        f"heavy = {heavy!r} & set(sys.modules)\n"
        "sys.exit(f'imports {heavy}' if heavy else 0)"
    )
    run_python(code)


@pytest.mark.parametrize("module", sorted(BINARIES))
def test_every_program_explains_itself(module):
    result = subprocess.run(
        [sys.executable, "-m", module, "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "Flags:" in result.stdout
    # `--version 2` would show the program's version and do nothing else.
    assert "  --version=" not in result.stdout
    assert result.stderr == ""


def test_some_packages_are_imported_in_one_place():
    """Which keeps OpenVINO from calling home, and NiBabel quick."""
    for module in modules():
        roots = {name.split(".")[0] for name in imports_of(module)}
        for package, wrapper in WRAPPED.items():
            assert package not in roots or module == wrapper, module


def test_the_packages_are_listed_in_setup_cfg():
    text = (ROOT / "setup.cfg").read_text(encoding="utf-8")
    listed = text.split("packages =\n")[1].split("\n\n")[0].split("install")[0]
    packages = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for name in PACKAGES
        for path in (ROOT / name).rglob("__init__.py")
    }
    assert {line.strip() for line in listed.splitlines()} - {""} == packages


def test_the_environment_is_written_in_one_place():
    """Only the backend's default is set at import, before keras comes."""
    for module in modules():
        for node in tree_of(module).body:
            writes = "os.environ" in ast.unparse(node) and not isinstance(
                node, ast.FunctionDef | ast.ClassDef
            )
            assert not writes or module == "wmh_keras", module


@pytest.mark.parametrize("module", modules())
def test_no_module_runs_code_from_a_file(module):
    names = {
        node.id if isinstance(node, ast.Name) else node.attr
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.Name | ast.Attribute)
    }
    assert not names & {"pickle", "eval", "exec", "load_model", "marshal"}
    assert not any(i.startswith("pickle") for i in imports_of(module))
