"""Files in which the kernel shows its state. What cannot be read is None: unknown."""

import glob

ROOT = "/"
"""Where those files are; tests put recorded ones elsewhere."""

MAX_CHARACTERS = 65536


def text(path):
    try:
        with open(ROOT + path) as file:
            return file.read(MAX_CHARACTERS).strip().strip("\0")
    except (OSError, ValueError):
        return None


def number(path):
    try:
        return float(text(path))
    except (TypeError, ValueError):
        return None


def known(values):
    return [value for value in values if value is not None]


def paths(pattern):
    return [path[len(ROOT) :] for path in sorted(glob.glob(ROOT + pattern))]
