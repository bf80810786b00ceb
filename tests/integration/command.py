"""latkit's command line, called from tests."""

from latkit.cli import run


def latkit(capsys, *arguments):
    """Run a command that should succeed; returns its standard output."""
    status = run(list(arguments))
    captured = capsys.readouterr()
    assert status == 0, captured.err
    return captured.out
