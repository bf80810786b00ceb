"""The import contract names every room, so that a new one is inside it from birth."""

from pathlib import Path

from latkit.devices.profile_file import tomllib

ROOT = Path(__file__).parents[2]
VALUES = {
    "condition",
    "config",
    "csv_cells",
    "errors",
    "files",
    "latencies",
    "measurement",
    "plural",
    "progress",
    "reading",
    "subjects",
}
"""What travels between all rooms, or serves them all."""
MAY = {
    "The command line talks to lab and report only": {"__main__", "cli", "lab", "report"},
    "The predicting side never touches devices, measurements or the store": {
        "features",
        "metrics",
        "network",
        "predictor",
        "registry",
        "sampling",
        "spaces",
    },
}


def rooms():
    found = (ROOT / "latkit").iterdir()
    return {path.stem for path in found if path.suffix == ".py" or (path / "__init__.py").is_file()}


def test_what_a_room_may_not_import_is_everything_but_what_it_may():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = {c["name"]: c for c in project["tool"]["importlinter"]["contracts"]}
    for name, allowed in MAY.items():
        forbidden = {room.removeprefix("latkit.") for room in contracts[name]["forbidden_modules"]}
        assert forbidden == rooms() - allowed - VALUES - {"__init__"}, name
