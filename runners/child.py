"""A piece of work in a fresh process, of which the parent survives everything."""

import ctypes
import json
import os
import resource
import select
import signal
import sys
import time
import traceback

MAX_RESULT_BYTES = 1 << 23
MAX_DETAIL = 2000
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)
MEMORY_WORDS = ("bad_alloc", "allocate memory", "out of memory")


def run(work, timeout_s, memory_limit_mb, requests):
    """The dictionary that ``work()`` returns in a child, or a ``failed`` event.

    The child is killed after ``timeout_s``; where ``requests`` end, so do both processes.
    """
    receiving, sending = os.pipe()
    parent = os.getpid()
    process = os.fork()
    if process == 0:
        os.close(receiving)
        serve(work, memory_limit_mb, sending, parent)  # never returns
    os.close(sending)
    try:
        content = collect(receiving, time.monotonic() + timeout_s, requests)
    finally:
        os.close(receiving)
        # One that has ended keeps the status that it ended with.
        os.kill(process, signal.SIGKILL)
        status = os.waitpid(process, 0)[1]
    if content is None:
        return failed("timeout", "no result within {:g} s".format(timeout_s))
    return whole(content) or failed(*cause(status))


def collect(receiving, deadline, requests):
    """All that the child sent until it ended; None where it ran out of time."""
    content = b""
    sources = [receiving, requests.descriptor]
    while len(content) <= MAX_RESULT_BYTES:
        ready = select.select(sources, [], [], max(0, deadline - time.monotonic()))[0]
        if not ready:
            return None
        if requests.descriptor in ready and not requests.read():
            sys.exit(0)
        if receiving in ready:
            received = os.read(receiving, 1 << 20)
            if not received:
                break
            content += received
    return content


def whole(content):
    """The event, if all of it came."""
    try:
        event = json.loads(content.decode("utf-8"))
    except ValueError:
        return None
    return event if isinstance(event, dict) else None


def cause(status):
    """Kind of failure and words for it, of a child that sent nothing whole."""
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    if number == signal.SIGKILL:
        return "memory", "killed by the system, most likely for want of memory"
    if number:
        names = {known.value: known.name for known in signal.Signals}
        return "crash", "died of " + names.get(number, "signal {}".format(number))
    return "crash", "ended with status {}".format(os.WEXITSTATUS(status))


def failed(kind, detail):
    return {"event": "failed", "kind": kind, "detail": detail[-MAX_DETAIL:]}


def serve(work, memory_limit_mb, sending, parent):
    """In the child: do the work, send what came out, and leave without ceremony."""
    code = 1
    try:
        become_expendable(parent)
        limit(memory_limit_mb)
        send(sending, work())
        code = 0
    except MemoryError:
        send(sending, failed("memory", "out of memory"))
    except BaseException as problem:
        words = "".join(traceback.format_exception_only(type(problem), problem)).strip()
        lack = any(word in words.lower() for word in MEMORY_WORDS)
        send(sending, failed("memory" if lack else "error", words))
    finally:
        os._exit(code)


def become_expendable(parent):
    """Die with the parent, and be the first to go when memory runs out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError:
        pass


def limit(memory_limit_mb):
    if memory_limit_mb:
        size = int(memory_limit_mb) << 20
        resource.setrlimit(resource.RLIMIT_AS, (size, size))


def send(sending, event):
    content = memoryview(json.dumps(event, separators=(",", ":")).encode("utf-8"))
    while content:
        content = content[os.write(sending, content) :]
