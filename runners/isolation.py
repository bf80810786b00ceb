"""Keeps others' modules away from the programs beside it, each of which imports this first.

The standard library comes first, then what PYTHONPATH and the installed packages have. The working
directory is not searched, and this folder last: its own modules are found wherever they are asked
for, and whatever else lies here takes no other's place. They are read as source, since bytecode
may be damaged where a board lost its power.
"""

# Only what Python has loaded for itself already comes before the places are in order.
import os
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))
OWN = (
    "boards",
    "child",
    "energy",
    "gpu",
    "harness",
    "limits",
    "packages",
    "state",
    "sysfs",
    "timing",
)


def is_foreign(folder):
    """Whether it is no part of the standard library."""
    return folder != os.path.dirname(os.__file__) and os.path.basename(folder) != "lib-dynload"


def working_directory():
    try:
        return os.getcwd()
    except OSError:
        return ""


excluded = ("", FOLDER, working_directory())
sys.path[:] = sorted((folder for folder in sys.path if folder not in excluded), key=is_foreign)
sys.path.append(FOLDER)

from importlib.machinery import SourceFileLoader  # noqa: E402
from importlib.util import spec_from_file_location  # noqa: E402


class Source(SourceFileLoader):
    """Compiles anew at each start."""

    def get_code(self, fullname):
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


class Beside:
    """Finds latkit's own modules."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        file = os.path.join(FOLDER, name + ".py")
        if (name in OWN or name.startswith("runtime_")) and os.path.exists(file):
            return spec_from_file_location(name, file, loader=Source(name, file))
        return None


sys.meta_path.insert(0, Beside)
