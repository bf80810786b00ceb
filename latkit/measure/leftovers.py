"""What sessions leave on a device that could not tidy up."""

from __future__ import annotations

from latkit.devices.transport import Transport

MODELS_KEPT_DAYS = "+1"
RUNNERS_KEPT_DAYS = "+30"


def clear_out(transport: Transport, folder: str) -> None:
    """Remove models, and runners that nobody deployed for long.

    Call it with the lease held, when nobody else uses the folder.
    """
    remove = ["-exec", "rm", "-rf", "{}", "+"]
    below = ["-mindepth", "1", "-maxdepth", "1", "-mtime"]
    transport.run(["find", f"{folder}/models", *below, MODELS_KEPT_DAYS, *remove])
    transport.run(["find", f"{folder}/runners", *below, RUNNERS_KEPT_DAYS, *remove])
