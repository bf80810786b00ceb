"""The one object through which everything is done, on the command line and in Python."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from latkit.lab.workspace import Workspace

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from latkit.devices.profile import Profile
    from latkit.lab.adapt import Adaptation
    from latkit.lab.adaptive import AdaptiveResult
    from latkit.lab.compare import Compared
    from latkit.lab.dataset import Dataset
    from latkit.lab.networks import Networks
    from latkit.lab.options import Options
    from latkit.lab.predictor import Predictor
    from latkit.lab.validate import Validation
    from latkit.lab.verify import Audit
    from latkit.latencies import Latencies
    from latkit.measure.campaign import CampaignResult
    from latkit.progress import Progress


class Lab(Workspace):
    """A dataset, the predictors made from it, and the devices that have a profile.

    Args:
        data: folder of dataset and predictors; by default that of the command line
            (``LATKIT_DATA_DIR``, or ``~/.local/share/latkit``).
        db: SQLAlchemy URL of the dataset, as ``postgresql+psycopg://you@server/latkit``; by default
            ``LATKIT_DB`` unless ``data`` is given, or a SQLite file in ``data``.

    Every failure is a ``LatkitError`` whose message says what happened, and whose hint says what to
    do next. Nothing is printed; ``progress`` is told how measuring goes.
    """

    def measure(
        self,
        device: str,
        n: int = 20,
        *,
        space: str = "nb201",
        networks: Networks | None = None,
        seed: int = 0,
        sampler: str | None = None,
        include_degenerate: bool = False,
        again: bool = False,
        wait_s: float = 0.0,
        progress: Progress | None = None,
        **options: Unpack[Options],
    ) -> CampaignResult:
        """Time ``n`` networks of a seeded draw, or ``networks``, on a device, and store them.

        What was measured before under the same condition is not measured again, so that the same
        call completes a campaign that was cut off. See ``latkit.lab.measure.measure``.
        """
        from latkit.lab.measure import measure

        return measure(
            self,
            device,
            progress,
            space=space,
            n=n,
            seed=seed,
            sampler=sampler,
            include_degenerate=include_degenerate,
            networks=networks,
            again=again,
            wait_s=wait_s,
            options=options,
        )

    def measure_until_converged(
        self,
        device: str,
        *,
        space: str = "nb201",
        seed: int = 0,
        sampler: str | None = None,
        include_degenerate: bool = False,
        wait_s: float = 0.0,
        progress: Progress | None = None,
        **options: Unpack[Options],
    ) -> AdaptiveResult:
        """Time as many networks as are needed, up to 40; see ``latkit.lab.adaptive``."""
        from latkit.lab.adaptive import measure_until_converged

        return measure_until_converged(
            self,
            device,
            progress,
            space=space,
            seed=seed,
            sampler=sampler,
            include_degenerate=include_degenerate,
            wait_s=wait_s,
            options=options,
        )

    def adapt(
        self,
        device: str,
        *,
        space: str | None = None,
        bundle: str | Path | None = None,
        n: int | None = None,
        sampler: str | None = None,
        seed: int = 0,
        **options: Unpack[Options],
    ) -> list[Adaptation]:
        """Learn a device from its measurements: a predictor for each condition, or the one asked.

        See ``latkit.lab.adapt.adapt``.
        """
        from latkit.lab.adapt import adapt

        return adapt(
            self,
            device,
            space=space,
            bundle=bundle,
            n=n,
            sampler=sampler,
            seed=seed,
            options=options,
        )

    def predictor(
        self, device: str, *, space: str | None = None, **options: Unpack[Options]
    ) -> Predictor:
        """The predictor of a device under its profile's own condition, or the one asked for."""
        from latkit.lab.predictor import Predictor

        return Predictor.load(device, space=space, lab=self, **options)

    def predict(
        self,
        networks: Networks,
        device: str,
        *,
        space: str | None = None,
        **options: Unpack[Options],
    ) -> Latencies:
        """Latencies of networks that need never have been measured; see ``Predictor.predict``.

        ``space`` is needed for indices where the device was adapted for several spaces.
        """
        from latkit.lab.predictor import predict

        return predict(self, networks, device, space, options)

    def validate(
        self,
        device: str,
        n: int = 40,
        *,
        space: str | None = None,
        seed: int = 1,
        wait_s: float = 0.0,
        progress: Progress | None = None,
        **options: Unpack[Options],
    ) -> Validation:
        """Measure ``n`` networks that the predictor has not seen, and compare."""
        from latkit.lab.validate import validate

        return validate(
            self, device, progress, space=space, n=n, seed=seed, wait_s=wait_s, options=options
        )

    def compare(self, a: str, b: str, seed: int = 0) -> Compared:
        """Whether two sets of measurements differ; see ``latkit compare --help``."""
        from latkit.lab.compare import compare_sets

        return compare_sets(self, a, b, seed)

    def verify(
        self, device: str | None = None, space: str | None = None, **options: Unpack[Options]
    ) -> Audit:
        """Which measurements not to believe, and why."""
        from latkit.lab.verify import verify

        return verify(self, device, space, options)

    @property
    def devices(self) -> list[Profile]:
        """The devices that have a profile; one that is broken is left out."""
        from latkit.devices.profile import available

        return [profile for profile, _ in available()]

    @property
    def dataset(self) -> Dataset:
        """The measurements."""
        from latkit.lab.dataset import Dataset

        return Dataset(self)
