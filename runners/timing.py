"""The timing loop: cold run, adaptive warm-up, samples until the median is known well enough."""

import array
import gc
import math
import resource
import time

WARM_UP_AGREEMENT = 0.02
WARM_UP_WINDOWS = 20
WINDOW_RUNS = 5
WINDOW_MOST_RUNS = 1000
MAX_SAMPLES = 20000
FEWEST = 12
PATIENCE = 20
"""Of a slow model so many runs are awaited, for so many times max_s at most."""
FEWEST_FOR_INTERVAL = 6
Z_95 = 1.96
USAGE_OF = getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)


def time_model(run, rule, read_state, meter=None):
    """Time ``run``; the figures of a ``block`` event.

    ``rule`` has min_samples, min_s, max_s, half_width (relative, of the median's 95 % interval)
    and warm_up_s, the most that warming up may take. ``read_state`` is called right before and
    after the samples, while the processor is still at work: an idle one clocks down. ``meter``
    is told when they begin and end.
    """
    gc.collect()
    gc.disable()
    begun = time.perf_counter_ns()
    run()
    cold_ns = time.perf_counter_ns() - begun
    warm_up = warm(run, rule["warm_up_s"])
    before = read_state()
    switches = involuntary_switches()
    if meter:
        meter.begin()
    cpu_ns = time.thread_time_ns()
    samples, converged = sample(run, rule)
    cpu_ns = time.thread_time_ns() - cpu_ns
    if meter:
        meter.end()
    switches = involuntary_switches() - switches
    timing_ns = time.perf_counter_ns() - begun
    gc.enable()
    return {
        "cold_ns": cold_ns,
        "warm_up": warm_up,
        "samples_ns": samples.tolist(),
        "converged": converged,
        "thread_cpu_ns": cpu_ns,
        "involuntary_switches": switches,
        "timing_ns": timing_ns,
        "before": before,
        "after": read_state(),
    }


def warm(run, warm_up_s):
    """Run until two windows in a row have the same median within 2 %; how many runs it took."""
    clock = time.perf_counter_ns
    limit = clock() + int(warm_up_s * 1e9)
    length = int(warm_up_s * 1e9 / WARM_UP_WINDOWS)
    runs = 0
    previous = None
    while (end := clock()) < limit:
        window = []
        window_end = end + length
        while end < limit and len(window) < WINDOW_MOST_RUNS:
            if end >= window_end and len(window) >= WINDOW_RUNS:
                break
            start = clock()
            run()
            end = clock()
            window.append(end - start)
        runs += len(window)
        window.sort()
        current = window[len(window) // 2]
        if previous is not None and abs(current - previous) <= WARM_UP_AGREEMENT * previous:
            break
        previous = current
    return runs


def sample(run, rule):
    """Durations in order, and whether the median's interval became narrow enough.

    There are at least min_samples and min_s of them unless max_s is over first: a slow device
    whose median is known well after a dozen runs has converged too.
    """
    clock = time.perf_counter_ns
    samples = array.array("q", bytes(8 * MAX_SAMPLES))
    count = 0
    begun = clock()
    check_at = begun + int(rule["min_s"] * 1e9)
    limit = begun + int(rule["max_s"] * 1e9)
    patience = begun + int(PATIENCE * rule["max_s"] * 1e9)
    while True:
        start = clock()
        run()
        end = clock()
        samples[count] = end - start
        count += 1
        if end < check_at and count < MAX_SAMPLES:
            continue
        few = count < FEWEST and end < patience
        over = (end >= limit and not few) or count == MAX_SAMPLES
        if over or count >= rule["min_samples"]:
            found = samples[:count]
            converged = half_width(found) <= rule["half_width"]
            if over or converged:
                return found, converged
            # Sorting is not free: look again after a quarter more.
            check_at = min(limit, end + (end - begun) // 4)


def half_width(samples):
    """Half the 95 % order-statistic interval of the median, relative to the median."""
    count = len(samples)
    if count < FEWEST_FOR_INTERVAL:
        return math.inf
    ordered = sorted(samples)
    low = max(0, math.floor((count - Z_95 * math.sqrt(count)) / 2) - 1)
    median = (ordered[count // 2] + ordered[(count - 1) // 2]) / 2
    return (ordered[count - 1 - low] - ordered[low]) / 2 / median


def involuntary_switches():
    return resource.getrusage(USAGE_OF).ru_nivcsw
