"""The timing loop: cold run, adaptive warm-up, samples until the median is known well enough."""

import array
import gc
import math
import resource
import time

WARM_UP_AGREEMENT = 0.02
MAX_SAMPLES = 20000
Z_95 = 1.96


def time_model(run, rule):
    """Time ``run``; returns the figures of a ``block`` event.

    ``rule`` has min_samples, min_s, max_s, half_width (relative, of the median's 95 % interval)
    and warm_up_s, the most that warming up may take.
    """
    begun = time.perf_counter_ns()
    run()
    cold_ns = time.perf_counter_ns() - begun
    warm_up = warm(run, rule["warm_up_s"])
    gc.collect()
    gc.disable()
    switches = involuntary_switches()
    cpu_ns = time.thread_time_ns()
    samples, converged = sample(run, rule)
    return {
        "cold_ns": cold_ns,
        "warm_up": warm_up,
        "samples_ns": samples.tolist(),
        "converged": converged,
        "thread_cpu_ns": time.thread_time_ns() - cpu_ns,
        "involuntary_switches": involuntary_switches() - switches,
        "timing_ns": time.perf_counter_ns() - begun,
    }


def warm(run, warm_up_s):
    """Run until two windows in a row have the same median within 2 %; returns how many runs."""
    clock = time.perf_counter_ns
    limit = clock() + int(warm_up_s * 1e9)
    runs = 0
    previous = None
    while clock() < limit:
        window = []
        window_end = clock() + int(warm_up_s * 1e9 / 20)
        while len(window) < 5 or (clock() < window_end and len(window) < 1000):
            begun = clock()
            run()
            window.append(clock() - begun)
            if clock() >= limit:
                break
        runs += len(window)
        current = sorted(window)[len(window) // 2]
        if previous and abs(current - previous) <= WARM_UP_AGREEMENT * previous:
            break
        previous = current
    return runs


def sample(run, rule):
    """Samples in order, and whether the median's interval became narrow enough."""
    clock = time.perf_counter_ns
    samples = array.array("q")
    begun = clock()
    check_at = begun + int(rule["min_s"] * 1e9)
    limit = begun + int(rule["max_s"] * 1e9)
    fewest = int(rule["min_samples"])
    while True:
        start = clock()
        run()
        end = clock()
        samples.append(end - start)
        if end < check_at and len(samples) < MAX_SAMPLES:
            continue
        if len(samples) >= fewest:
            if half_width(samples) <= rule["half_width"]:
                return samples, True
            if len(samples) >= MAX_SAMPLES:
                return samples, False
            # Sorting is not free: look again after a quarter more.
            check_at = end + (end - begun) // 4
        if end >= limit:
            return samples, False


def half_width(samples):
    """Half the 95 % order-statistic interval of the median, relative to the median."""
    ordered = sorted(samples)
    count = len(ordered)
    reach = Z_95 * math.sqrt(count) / 2
    low = max(0, math.floor(count / 2 - reach))
    high = min(count - 1, math.ceil(count / 2 + reach))
    return (ordered[high] - ordered[low]) / 2 / ordered[count // 2]


def involuntary_switches():
    return resource.getrusage(getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)).ru_nivcsw
