"""NiBabel without pydicom: the one place that imports it.

`import nibabel` imports pydicom, to show what DICOM headers a NIfTI file may
carry, and pydicom a web client for its test data: 0.15 s of every start (seen
with nibabel 5.4 and pydicom 3.0). Nothing here reads such headers; NiBabel
then keeps them as bytes. DICOM series are read with pydicom itself, which is
there for others as if nothing had happened.
"""

import sys

_NAME = "pydicom"
_was_there = _NAME in sys.modules
if not _was_there:
    sys.modules[_NAME] = None  # an import of it fails

import nibabel as nib  # noqa: E402

if not _was_there:
    del sys.modules[_NAME]

__all__ = ["nib"]
