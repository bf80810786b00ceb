"""The time of a campaign, which goes on evenly whatever is done to the host's clock."""

from __future__ import annotations

import time


class CampaignClock:
    """Seconds since 1970 by the host's clock at the start, and from then on by what passed.

    Blocks and canaries are put in order by it, so that it never goes back, not even behind what an
    interrupted campaign wrote down.

    Args:
        not_before: the latest moment that is written down.
    """

    def __init__(self, not_before: float = 0.0) -> None:
        self._offset_s = max(time.time(), not_before) - time.monotonic()

    def now(self) -> float:
        """The present moment."""
        return time.monotonic() + self._offset_s
