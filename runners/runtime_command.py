"""A benchmark program that is on the board already, and reports in its own words.

The harness is told of it with --program, a JSON object: ``name``, ``format`` of the model files,
``words`` of the command with their placeholders, ``yields`` ("samples", "median" or "mean"),
``unit``, ``pattern`` or ``json_path`` for finding the figures, and ``version``, the words of a
command that prints one. What it computes cannot be seen: the output is None, unknown.
"""

import json
import math
import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from decimal import Decimal

import child
import timing

MAX_OUTPUT_BYTES = 8 << 20
VERSION_TIMEOUT_S = 60
DAY_NS = 86400 * 10**9
NS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9}
PILOT_ITERATIONS = 10
# A program that tells each inference's latency says all in one start; one that tells a median
# says one figure a start, of which an interval needs several.
STARTS = {"samples": (1, 3), "median": (6, 12), "mean": (6, 12)}
VERSION = re.compile(r"\d+(?:\.\d+)+[\w.+-]*")


class Runtime:
    """What a runtime's file offers the harness, for the program described."""

    def __init__(self, program):
        self.program = program
        self.NAME = program["name"]
        self.FORMAT = program["format"]
        require(program["words"][0])

    def version(self):
        words = self.program.get("version")
        if not words:
            return "unknown"
        found = VERSION.search(execute(words, VERSION_TIMEOUT_S))
        if not found:
            raise ValueError("{} printed no version".format(" ".join(words)))
        return found.group()

    def providers(self):
        return []

    def Model(self, path, *_):  # noqa: N802 - a class in other runtimes
        return Model(self.program, path)


class Model:
    """A model file and the program that times it."""

    def __init__(self, program, path):
        open(path, "rb").close()  # says better than most programs that there is none
        self.program = program
        self.path = path
        self.first_ns = 0

    def time(self, rule, read_state):
        """The figures of a ``block`` event, of as many starts as make the median known.

        The cold run is the program's whole first start. CPU time and switches are the programs'
        own, loading included.
        """
        pilot = self.mentions("iterations")
        iterations = self.iterations(rule) if pilot else 0
        before, usage = read_state(), resource.getrusage(resource.RUSAGE_CHILDREN)
        begun = time.perf_counter_ns()
        samples, converged = self.sample(rule, iterations)
        timing_ns = time.perf_counter_ns() - begun
        used, after = resource.getrusage(resource.RUSAGE_CHILDREN), read_state()
        seconds = used.ru_utime + used.ru_stime - usage.ru_utime - usage.ru_stime
        return {
            "cold_ns": self.first_ns,
            "warm_up": PILOT_ITERATIONS if pilot else 0,
            "samples_ns": samples,
            "converged": converged,
            "thread_cpu_ns": int(seconds * 1e9),
            "involuntary_switches": used.ru_nivcsw - usage.ru_nivcsw,
            "timing_ns": timing_ns,
            "before": before,
            "after": after,
        }

    def mentions(self, placeholder):
        return any("{" + placeholder + "}" in word for word in self.program["words"])

    def iterations(self, rule):
        """How many inferences fill the time that a start is to last, learnt from a short one."""
        figures, _ = self.start(PILOT_ITERATIONS, 1)
        wanted = math.ceil(rule["min_s"] * 1e9 / sorted(figures)[len(figures) // 2])
        return min(max(wanted, PILOT_ITERATIONS), timing.MAX_SAMPLES)

    def sample(self, rule, iterations):
        """Latencies, ns, and whether their median, as finely as it is told, is known."""
        fewest, most = STARTS[self.program["yields"]]
        samples = []
        converged = False
        for number in range(1, most + 1):
            figures, resolution = self.start(iterations, math.ceil(rule["min_s"]))
            samples += figures
            middle = sorted(samples)[len(samples) // 2]
            width = max(timing.half_width(samples), resolution / 2 / middle)
            converged = width <= rule["half_width"]
            if number >= fewest and converged:
                break
        return samples[: timing.MAX_SAMPLES], converged

    def start(self, iterations, seconds):
        """The latencies that one start of the program tells, and the step it tells them in, ns."""
        begun = time.perf_counter_ns()
        with tempfile.TemporaryDirectory(prefix="latkit-") as folder:
            result = os.path.join(folder, "result")
            given = {"model": self.path, "iterations": iterations, "seconds": seconds}
            words = [fill(word, result=result, **given) for word in self.program["words"]]
            told = execute(words, 0, folder)
            if self.mentions("result"):
                told = read(result)
        self.first_ns = self.first_ns or time.perf_counter_ns() - begun
        return latencies(self.program, told)

    def output(self):
        return None

    def assigned(self):
        return []


def fill(word, **values):
    for name, value in values.items():
        word = word.replace("{" + name + "}", str(value))
    return word


def require(name):
    path = os.path.expanduser(name)
    if not shutil.which(path):
        raise FileNotFoundError("no program {!r} here: is it in PATH?".format(name))
    return path


def execute(words, timeout_s, folder=None):
    """What a program prints, standard error included; it dies with this process."""
    process = subprocess.Popen(
        [require(words[0]), *words[1:]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=folder,
        preexec_fn=lambda: child.LIBC.prctl(child.PR_SET_PDEATHSIG, signal.SIGKILL),
    )
    alarm = signal.signal(signal.SIGALRM, lambda *_: process.kill())
    signal.alarm(timeout_s)
    try:
        content = process.stdout.read(MAX_OUTPUT_BYTES + 1)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, alarm)
        if len(content) > MAX_OUTPUT_BYTES:
            process.kill()
        process.stdout.close()
        process.wait()
    said = content.decode("utf-8", "replace")
    if len(content) > MAX_OUTPUT_BYTES:
        raise ValueError("{} printed more than {} bytes".format(words[0], MAX_OUTPUT_BYTES))
    if process.returncode:
        last = " / ".join(said.strip().splitlines()[-5:])
        raise ValueError("{} ended with {}: {}".format(words[0], process.returncode, last))
    return said


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        content = file.read(MAX_OUTPUT_BYTES + 1)
    if len(content) > MAX_OUTPUT_BYTES:
        raise ValueError("the result has more than {} characters".format(MAX_OUTPUT_BYTES))
    return content


def latencies(program, told):
    """The latencies in what a program told, and the finest step among them, whole ns."""
    try:
        found = matches(program, told) if program.get("pattern") else leaves(program, told)
        if program["yields"] != "samples":
            found = found[-1:]
        figures = [(Decimal(number), NS[unit]) for number, unit in found]
        step = min(unit * 10.0 ** number.as_tuple().exponent for number, unit in figures)
        outside = [pair for pair in found if is_none(Decimal(pair[0]) * NS[pair[1]])]
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError):
        sought = program.get("pattern") or program["json_path"]
        last = " / ".join(told.strip().splitlines()[-3:])[-300:]
        problem = "found no latency by {!r} in what the program told: {}"
        raise ValueError(problem.format(sought, last)) from None
    if outside:
        raise ValueError("the program told a latency of {} {}, which is none".format(*outside[0]))
    return [round(number * unit) for number, unit in figures], step


def is_none(latency_ns):
    """Whether no inference can take so long; a benchmark that measured nothing often tells 0."""
    return not 1 <= latency_ns <= DAY_NS


def matches(program, told):
    """Figures and their units by the pattern, in order: a summary follows that of the warm-up."""
    named = [match.groupdict() for match in re.finditer(program["pattern"], told, re.MULTILINE)]
    return [(groups["latency"], groups.get("unit") or program["unit"]) for groups in named]


def leaves(program, told):
    """The numbers at a path like ``latency.median_ms`` or ``*.latencyMs``, as they are written."""
    values = [json.loads(told, parse_float=str, parse_int=str)]
    for step in program["json_path"].split("."):
        values = [each for value in values for each in (value if step == "*" else [value[step]])]
    return [(text(value), program["unit"]) for value in values]


def text(value):
    # Numbers were left as text; anything else is none, but for Decimal(True).
    if not isinstance(value, str):
        raise TypeError("not a number")
    return value
