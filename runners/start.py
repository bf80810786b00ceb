"""Starts one of the programs beside it so that nothing takes the place of a module that it needs.

    python3 -u start.py PROGRAM OWN ARGUMENT...

OWN are the names of the modules beside it, separated by commas. Modules are those, then the
standard library's, then what PYTHONPATH and the installed packages have: neither the working
directory nor whatever else lies in this folder is searched. What is beside is read as source: the
bytecode that Python keeps may be damaged where a board lost its power.
"""

import os
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))


def is_foreign(folder):
    """Whether it is no part of the standard library."""
    return folder != os.path.dirname(os.__file__) and os.path.basename(folder) != "lib-dynload"


def working_directory():
    try:
        return os.getcwd()
    except OSError:
        return ""


# Only what Python has loaded for itself already is imported before this.
EXCLUDED = ("", FOLDER, working_directory())
sys.path[:] = sorted((folder for folder in sys.path if folder not in EXCLUDED), key=is_foreign)

import runpy  # noqa: E402
from importlib.machinery import SourceFileLoader  # noqa: E402
from importlib.util import spec_from_file_location  # noqa: E402


class Source(SourceFileLoader):
    """Compiles anew at each start."""

    def get_code(self, fullname):
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


class Beside:
    """Finds the modules that are beside this file."""

    def __init__(self, names):
        self.names = names

    def find_spec(self, name, path=None, target=None):
        if name not in self.names:
            return None
        file = os.path.join(FOLDER, name + ".py")
        return spec_from_file_location(name, file, loader=Source(name, file))


def main(program, own, *arguments):
    path = os.path.join(FOLDER, program)
    sys.meta_path.insert(0, Beside(own.split(",")))
    sys.argv[:] = [path, *arguments]
    runpy.run_path(path, run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])
