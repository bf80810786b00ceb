"""What runs on the device: answers requests for timings, one JSON object a line.

Standard library and the runtime only, Python 3.8 or newer. The runtime is imported once; every
model is loaded and timed in a fresh child, so that a crash, a hang or an exhausted memory costs
that model alone. The process ends when its standard input closes. docs/runners.md has the
language.

    python3 harness.py --runtime onnxruntime
"""

if __name__ == "__main__":
    import isolation  # noqa: F401

import argparse
import functools
import importlib
import json
import os
import platform
import sys

import child
import energy
import gpu
import state
import timing

PROTOCOL_VERSION = 1
MAX_REQUEST_BYTES = 1 << 20
OUTPUT_VALUES = 64
DAY_S = 86400
NO_REQUEST = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)
# Before the runtime is imported: threads that libraries start for themselves would disturb the
# timing, and make it unsafe to fork. Compilers in processes of their own would outlive a child.
ENVIRONMENT = {
    "ORT_DISABLE_TELEMETRY": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TORCHINDUCTOR_COMPILE_THREADS": "1",
    # CUDA would count the fastest first; NVML, which tells their state, counts by bus.
    "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
}


def main():
    parser = argparse.ArgumentParser(description="Times models for latkit.")
    parser.add_argument("--runtime", required=True)
    parser.add_argument("--program", type=json.loads, help="what the runtime 'command' starts")
    given = parser.parse_args()
    answer = claim_stdout()
    os.environ.update(ENVIRONMENT)
    try:
        runtime = importlib.import_module("runtime_" + given.runtime)
        if given.program:
            runtime = runtime.Runtime(given.program)
        answer(hello(runtime))
    except Exception as problem:
        detail = "{}: {}".format(type(problem).__name__, problem)
        answer({"event": "unusable", "detail": detail[:2000], "python": sys.executable})
        return 1
    requests = Requests(0)
    for line in requests:
        answer(measure(runtime, line, requests))
    return 0


def claim_stdout():
    """Keep standard output for answers alone; whatever libraries print goes to stderr."""
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def answer(event):
        lines.write(json.dumps(event, separators=(",", ":")) + "\n")
        lines.flush()

    return answer


class Requests:
    """Lines of standard input, which is also watched while a model runs."""

    def __init__(self, descriptor):
        self.descriptor = descriptor
        self.pending = b""

    def __iter__(self):
        while True:
            while b"\n" not in self.pending:
                if not self.read():
                    return
            line, self.pending = self.pending.split(b"\n", 1)
            yield line

    def read(self):
        """Take in what has come; whether there can be more."""
        received = os.read(self.descriptor, 65536)
        self.pending += received
        return bool(received) and len(self.pending) <= MAX_REQUEST_BYTES


def hello(runtime):
    return {
        "event": "hello",
        "protocol": PROTOCOL_VERSION,
        "runtime": runtime.NAME,
        "runtime_version": runtime.version(),
        "format": runtime.FORMAT,
        "providers": runtime.providers(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "processor": state.processor(),
        "cpus": os.cpu_count() or 1,
        "memory_mb": state.memory_mb(),
        "boot_id": state.boot_id(),
    }


def measure(runtime, line, requests):
    """Time one model in a child; the event that tells how it went."""
    identity = ""
    try:
        request = json.loads(line.decode("utf-8"))
        identity = str(request["id"])
        timeout_s = float(request["timeout_s"])
        if not 0 < timeout_s < DAY_S:
            raise ValueError("a time limit of {} s".format(timeout_s))
        limit_mb = request.get("memory_limit_mb")
        event = child.run(lambda: block(runtime, request), timeout_s, limit_mb, requests)
    except NO_REQUEST as problem:
        event = child.failed("error", "not a request: {!r}".format(problem))
    event["id"] = identity
    return event


def block(runtime, request):
    """In the child: load the model and time it."""
    affinity = request["affinity"]
    if affinity:
        pin(affinity)
    names = ("model", "threads", "provider", "seed", "precision")
    model = runtime.Model(*(request[name] for name in names))
    if hasattr(model, "time"):  # a program of its own, which times itself
        event = model.time(request["rule"], state.read)
    else:
        event = watched(model, request)
    event["event"] = "block"
    event["providers"] = model.assigned()
    event["output"] = summary(model.output())
    return event


def watched(model, request):
    """The figures of a model whose inferences are timed here, and their energy if it is known."""
    processor = gpu.used_by(request["provider"])
    meter = energy.meter(processor)
    read_state = functools.partial(state.read, processor)
    event = timing.time_model(model.run, request["rule"], read_state, meter)
    if meter:
        event["energy_mj"] = meter.energy_mj(model.run, len(event["samples_ns"]))
        event["energy_of"] = meter.of
    return event


def pin(processors):
    try:
        os.sched_setaffinity(0, processors)
    except OSError as problem:
        raise ValueError("cannot run on processors {}: {}".format(processors, problem)) from None
    found = sorted(os.sched_getaffinity(0))
    if found != sorted(set(processors)):  # the kernel leaves out in silence what there is not
        raise ValueError("cannot run on processors {}, only on {}".format(processors, found))


def summary(values):
    """A few evenly spaced values, mean and spread of a flat output; None where it is unknown."""
    if values is None:
        return None
    count = len(values)
    mean = sum(values) / count
    spread = (sum((value - mean) ** 2 for value in values) / count) ** 0.5
    if spread != spread or spread == float("inf"):
        raise ValueError("the output holds values that are not finite")
    step = -(-count // OUTPUT_VALUES)
    return {"count": count, "values": values[::step], "mean": mean, "std": spread}


if __name__ == "__main__":
    sys.exit(main())
