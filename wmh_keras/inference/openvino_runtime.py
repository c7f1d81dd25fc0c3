"""OpenVINO without its telemetry: the one place that imports it.

`import openvino` sends an event to its makers' analytics and leaves files in
the home folder (seen with 2026.4.1 and openvino-telemetry 2025.2.0, which pip
installs with it). Where scans of patients lie, nothing may call home; without
the telemetry package OpenVINO keeps silent, so it is hidden first.
"""

import sys

sys.modules["openvino_telemetry"] = None

import openvino as ov  # noqa: E402
from openvino import opset13 as ops  # noqa: E402

__all__ = ["ops", "ov"]
