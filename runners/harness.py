"""What runs on the device: answers requests for timings, one JSON object a line.

Standard library and the runtime only, Python 3.8 or newer. The runtime is imported once; every
model is loaded and timed in a fresh child, so that a crash, a hang or an exhausted memory costs
that model alone. The process ends when its standard input closes. docs/runners.md has the
language.

    python3 harness.py --runtime onnxruntime
"""

import argparse
import ctypes
import importlib
import json
import math
import os
import platform
import resource
import select
import signal
import sys
import time
import traceback

import state
import timing

PROTOCOL_VERSION = 1
MAX_REQUEST_BYTES = 1 << 20
PR_SET_PDEATHSIG = 1
OUTPUT_VALUES = 64


def main():
    parser = argparse.ArgumentParser(description="Times models for latkit.")
    parser.add_argument("--runtime", required=True)
    answer = claim_stdout()
    name = parser.parse_args().runtime
    try:
        runtime = importlib.import_module("runtime_" + name)
    except ImportError as problem:
        answer({"event": "unusable", "detail": str(problem), "python": sys.executable})
        return 1
    answer(hello(runtime))
    for request in requests():
        if request is None or request.get("op") != "measure":
            answer({"event": "refused", "detail": "not a request"})
            continue
        answer(measure(runtime, request))
    return 0


def claim_stdout():
    """Keep standard output for answers alone; whatever libraries print goes to stderr."""
    lines = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)

    def answer(event):
        lines.write(json.dumps(event, separators=(",", ":")) + "\n")
        lines.flush()

    return answer


def requests():
    """Requests as they come; None stands for a line that is none. Ends with standard input."""
    pending = b""
    while True:
        received = os.read(0, 65536)
        if not received:
            return
        pending += received
        if len(pending) > MAX_REQUEST_BYTES:
            return
        *lines, pending = pending.split(b"\n")
        for line in filter(None, lines):
            try:
                request = json.loads(line.decode("utf-8"))
            except ValueError:
                request = None
            yield request if isinstance(request, dict) else None


def hello(runtime):
    return {
        "event": "hello",
        "protocol": PROTOCOL_VERSION,
        "runtime": runtime.NAME,
        "runtime_version": runtime.version(),
        "providers": runtime.providers(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "processor": state.processor(),
        "cpus": os.cpu_count() or 1,
        "memory_mb": state.memory_mb(),
        "boot_id": state.boot_id(),
    }


def measure(runtime, request):
    """Time one model in a child; returns the event that tells how it went."""
    before = state.read(request.get("affinity"))
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receiving)
        work(runtime, request, sending)  # never returns
    os.close(sending)
    outcome, status = collect(child, receiving, float(request["timeout_s"]))
    if outcome is None:
        outcome = failure(status, request)
    outcome["id"] = request["id"]
    if outcome["event"] == "block":
        outcome["before"] = before
        outcome["after"] = state.read(request.get("affinity"))
    return outcome


def collect(child, receiving, timeout_s):
    """What the child sent, or None, and its exit status (None where it ran out of time)."""
    deadline = time.monotonic() + timeout_s
    content = b""
    status = None
    try:
        while True:
            left = deadline - time.monotonic()
            ready, _, _ = select.select([receiving, 0], [], [], max(left, 0))
            if not ready:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return None, None
            if receiving in ready:
                received = os.read(receiving, 1 << 20)
                if not received:
                    break
                content += received
            else:
                # Requests wait for their answer, so this can only be the end of standard input.
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                sys.exit(0)
        _, status = os.waitpid(child, 0)
    finally:
        os.close(receiving)
    try:
        return json.loads(content.decode("utf-8")), status
    except ValueError:
        return None, status


def failure(status, request):
    """The event for a child that sent nothing whole."""
    if status is None:
        return failed("timeout", "no result within {:g} s".format(float(request["timeout_s"])))
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    if number == signal.SIGKILL:
        return failed("memory", "killed by the system, most likely for want of memory")
    if number:
        return failed("crash", "died of " + signal.Signals(number).name)
    return failed("crash", "ended with status {}".format(os.WEXITSTATUS(status)))


def failed(kind, detail):
    return {"event": "failed", "kind": kind, "detail": detail[-2000:]}


def work(runtime, request, sending):
    """In the child: time the model, send what came out, and leave without ceremony."""
    code = 1
    try:
        become_expendable()
        limit(request.get("memory_limit_mb"))
        send(sending, block(runtime, request))
        code = 0
    except MemoryError:
        send(sending, failed("memory", "out of memory"))
    except BaseException as problem:
        words = "".join(traceback.format_exception_only(type(problem), problem)).strip()
        kind = "memory" if "bad_alloc" in words or "memory" in words.lower() else "error"
        send(sending, failed(kind, words))
    finally:
        os._exit(code)


def become_expendable():
    """Die with the parent, and be the first to go when memory runs out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except (OSError, AttributeError):
        pass


def limit(memory_limit_mb):
    if memory_limit_mb:
        size = int(memory_limit_mb) << 20
        resource.setrlimit(resource.RLIMIT_AS, (size, size))


def send(sending, event):
    content = memoryview(json.dumps(event, separators=(",", ":")).encode("utf-8"))
    while content:
        content = content[os.write(sending, content) :]


def block(runtime, request):
    affinity = request.get("affinity")
    if affinity:
        os.sched_setaffinity(0, affinity)
    model = runtime.Model(
        request["model"], request["threads"], request["provider"], request["seed"]
    )
    result = timing.time_model(model.run, request["rule"])
    result["event"] = "block"
    result["providers"] = model.assigned()
    result["output"] = summary(model.output())
    return result


def summary(values):
    """A few evenly spaced values, mean and spread of a flat output."""
    if not all(map(math.isfinite, values)):
        raise ValueError("the output holds values that are not finite")
    count = len(values)
    mean = sum(values) / count
    spread = (sum((value - mean) ** 2 for value in values) / count) ** 0.5
    step = max(1, -(-count // OUTPUT_VALUES))
    return {"count": count, "values": values[::step], "mean": mean, "std": spread}


if __name__ == "__main__":
    sys.exit(main())
