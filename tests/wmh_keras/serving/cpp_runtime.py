"""Runs a SavedModel as a server does: TensorFlow's C++ runtime alone.

  python cpp_runtime.py JOB.json

No Python package of TensorFlow, Keras or JAX is loaded: the wheel's shared
library is called through its C API. XLA is off, as a server has it.
"""

import ctypes
import json
import sys
from pathlib import Path

import numpy as np

for name in ("tensorflow", "keras", "jax", "wmh_keras"):
    sys.modules[name] = None

# TensorFlow's numbers for types.
NUMBERS = {np.dtype("float32"): 1, np.dtype("uint8"): 4}
TYPES = {number: dtype for dtype, number in NUMBERS.items()}


class Output(ctypes.Structure):
    """TF_Output: an operation and which of its outputs."""

    _fields_ = [("operation", ctypes.c_void_p), ("index", ctypes.c_int)]


def load_library(path):
    library = ctypes.CDLL(path)
    pointers = (
        "TF_NewStatus TF_NewGraph TF_NewSessionOptions TF_GraphOperationByName "
        "TF_LoadSessionFromSavedModel TF_AllocateTensor TF_TensorData"
    )
    for function in pointers.split():
        getattr(library, function).restype = ctypes.c_void_p
    library.TF_Message.restype = ctypes.c_char_p
    library.TF_Dim.restype = ctypes.c_int64
    # What ServerCore does before it loads anything.
    library._ZN10tensorflow21DisableXlaCompilationEv()
    return library


class Session:
    """A loaded model."""

    def __init__(self, library, folder):
        self.library = library
        self.status = ctypes.c_void_p(library.TF_NewStatus())
        self.graph = ctypes.c_void_p(library.TF_NewGraph())
        tags = (ctypes.c_char_p * 1)(b"serve")
        self.session = ctypes.c_void_p(
            library.TF_LoadSessionFromSavedModel(
                ctypes.c_void_p(library.TF_NewSessionOptions()),
                None,
                folder.encode(),
                tags,
                1,
                self.graph,
                None,
                self.status,
            )
        )
        self.check()

    def check(self):
        if self.library.TF_GetCode(self.status):
            message = self.library.TF_Message(self.status)
            raise RuntimeError(message.decode())

    def output(self, name):
        operation, index = name.split(":")
        found = self.library.TF_GraphOperationByName(
            self.graph, operation.encode()
        )
        assert found, name
        return Output(found, int(index))

    def tensor(self, array):
        dims = (ctypes.c_int64 * array.ndim)(*array.shape)
        tensor = self.library.TF_AllocateTensor(
            NUMBERS[array.dtype],
            dims,
            array.ndim,
            ctypes.c_size_t(array.nbytes),
        )
        data = self.library.TF_TensorData(ctypes.c_void_p(tensor))
        ctypes.memmove(data, array.tobytes(), array.nbytes)
        return tensor

    def array(self, tensor):
        tensor = ctypes.c_void_p(tensor)
        rank = self.library.TF_NumDims(tensor)
        shape = [self.library.TF_Dim(tensor, axis) for axis in range(rank)]
        dtype = TYPES[self.library.TF_TensorType(tensor)]
        count = int(np.prod(shape)) * dtype.itemsize
        data = self.library.TF_TensorData(tensor)
        raw = ctypes.string_at(data, count)
        return np.frombuffer(raw, dtype).reshape(shape)

    def run(self, inputs, outputs):
        """Runs: arrays by tensor name in, tensor names out."""
        feeds = (Output * len(inputs))(*map(self.output, inputs))
        values = (ctypes.c_void_p * len(inputs))(
            *map(self.tensor, inputs.values())
        )
        fetches = (Output * len(outputs))(*map(self.output, outputs))
        results = (ctypes.c_void_p * len(outputs))()
        self.library.TF_SessionRun(
            self.session,
            None,
            feeds,
            values,
            len(inputs),
            fetches,
            results,
            len(outputs),
            None,
            0,
            None,
            self.status,
        )
        self.check()
        return [self.array(tensor) for tensor in results]


def main(job_file):
    job = json.loads(Path(job_file).read_text(encoding="utf-8"))
    session = Session(load_library(job["library"]), job["folder"])
    arrays = np.load(job["arrays"])
    inputs = {tensor: arrays[name] for name, tensor in job["inputs"].items()}
    outputs = session.run(inputs, list(job["outputs"].values()))
    np.savez(job["results"], **dict(zip(job["outputs"], outputs, strict=True)))


if __name__ == "__main__":
    main(sys.argv[1])
