"""A runtime for tests whose models misbehave as their files say: one word, the behaviour."""

import os
import signal
import sys
import time

NAME = "mischief"
FORMAT = "onnx"


def version():
    return "1"


def providers():
    return []


class Model:
    def __init__(self, path, threads, provider, seed, precision):
        self.path = path
        with open(path) as file:
            self.behaviour = file.read().strip()

    def run(self):
        getattr(self, self.behaviour)()

    def good(self):
        time.sleep(0.001)

    def crash(self):
        os.kill(os.getpid(), signal.SIGSEGV)

    def abort(self):
        os.abort()

    def unusual(self):
        os.kill(os.getpid(), signal.SIGRTMIN + 1)

    def at_once(self):
        pass

    def until_told(self):
        while not os.path.exists(self.path + ".enough"):
            time.sleep(0.001)

    def hang(self):
        time.sleep(3600)

    def killed(self):
        os.kill(os.getpid(), signal.SIGKILL)

    def leave(self):
        os._exit(7)

    def memory(self):
        raise MemoryError

    def bad_alloc(self):
        raise RuntimeError("std::bad_alloc")

    def error(self):
        raise RuntimeError("x" * 100_000 + "the end")

    def exit(self):
        sys.exit(3)

    def print(self):
        print("to standard output")
        os.write(1, b'{"event":"block"}\n')
        time.sleep(0.001)

    def close_everything(self):
        os.closerange(3, 100)
        time.sleep(3600)

    def nothing(self):
        time.sleep(0.001)

    def output(self):
        return [] if self.behaviour == "nothing" else [0.5, 1.5]

    def assigned(self):
        return []
