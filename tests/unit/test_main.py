"""Where the command line begins."""

import signal
import subprocess
import sys

import pytest

LOADING = """
import builtins, os, signal
usual = builtins.__import__

def interrupted(name, *arguments, **more):
    if name == "click":
        os.kill(os.getpid(), signal.SIGINT)
    return usual(name, *arguments, **more)

builtins.__import__ = interrupted
"""
STARTS = {
    "latkit": "from latkit.__main__ import main; main()",
    "python -m latkit": "import runpy; runpy.run_module('latkit', run_name='__main__')",
}


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT to send")
@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
def test_an_interrupt_while_it_is_loaded_shows_no_traceback(start):
    done = subprocess.run(
        [sys.executable, "-c", LOADING + start], capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 128 + signal.SIGINT
    assert done.stderr == ""
