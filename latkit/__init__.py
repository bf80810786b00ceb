"""latkit: measure a handful of networks on a board, and know the latency of all the others."""

import os

# onnxruntime would report from its users' machines, on a thread that also makes forking unsafe.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"
