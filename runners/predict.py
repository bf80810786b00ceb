"""Predict latencies on the device itself; needs predictor.onnx, onnxruntime and numpy alone.

python3 predict.py 3 3 4 1 3 1                # one network: an operation index per position
python3 predict.py < networks.txt             # one network a line
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime

MODEL = str(Path(__file__).with_name("predictor.onnx"))


def main() -> None:
    """Read operation indices, print milliseconds."""
    session = onnxruntime.InferenceSession(MODEL, providers=["CPUExecutionProvider"])
    about = json.loads(session.get_modelmeta().custom_metadata_map["latkit"])
    rows = [sys.argv[1:]] if len(sys.argv) > 1 else [line.split() for line in sys.stdin]
    try:
        indices = np.array(rows, dtype=np.int64).reshape(len(rows), about["positions"])
        if indices.min() < 0 or indices.max() >= len(about["operations"]):
            raise ValueError("an index is out of range")
    except ValueError:
        names = ", ".join(f"{i} {name}" for i, name in enumerate(about["operations"]))
        sys.exit(f"{about['space']} needs {about['positions']} operation indices: {names}")
    mean, lower, upper = session.run(["mean_ms", "lower_ms", "upper_ms"], {"operations": indices})
    for values in np.stack([mean, lower, upper], axis=1):
        print("{:.4g} ms  ({:.4g} to {:.4g})".format(*values))


if __name__ == "__main__":
    main()
