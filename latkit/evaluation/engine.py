"""Running trials: over processes, on a cluster, and again after an interruption."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from latkit.errors import MissingDependency
from latkit.evaluation.archive import Archive
from latkit.evaluation.method import Files, Sources
from latkit.evaluation.methods import METHODS
from latkit.evaluation.trial import Outcome, TaskData, Trial, run, trials
from latkit.sampling import looks_at_bundle

Progress = Callable[[str, int, int], None]
"""Is told what is being done, how many of it are done, and how many there are."""
BUNDLE_METHOD = "bayes"


@dataclass(frozen=True, slots=True)
class Suite:
    """What to try: every method with every sampler, sample count and seed on every task."""

    data: Sequence[TaskData]
    methods: Sequence[str]
    samplers: Sequence[str] = ("random",)
    counts: Sequence[int] = (20,)
    seeds: int = 5
    pretraining_seed: int = 0

    @property
    def needs_bundle(self) -> bool:
        """Whether a sampler looks at a bundle: it gets the one of the task at hand."""
        return any(looks_at_bundle(name) for name in self.samplers)

    def trials(self, data: TaskData) -> list[Trial]:
        """All trials on one task."""
        return list(trials(data, self.methods, self.samplers, self.counts, self.seeds))


def evaluate(suite: Suite, archive: Archive, jobs: int, progress: Progress) -> list[Outcome]:
    """Run what the archive lacks; all outcomes in the order of the suite.

    Args:
        suite: what to try.
        archive: where outcomes are found and kept as soon as they are known.
        jobs: how many processes; a joblib backend that is active (Dask, say) is used as it is.
        progress: is told how it goes.

    Raises MissingDependency without joblib, or where a method needs a package that is absent.
    """
    batches = [batch for data in suite.data for batch in _open_batches(suite, data, archive)]
    _pretrain(suite, batches, archive, jobs, progress)
    work = ((batch.data, batch.trials, *_learned(suite, batch, archive)) for batch in batches)
    results = _parallel(_attempt, work, len(batches), jobs, "trying", progress)
    for batch_number, outcomes in results:
        archive.keep_outcomes(batches[batch_number].data, outcomes)
    known = [(suite.trials(data), archive.outcomes(data)) for data in suite.data]
    return [found[trial] for wanted, found in known for trial in wanted]


@dataclass(frozen=True, slots=True)
class _Batch:
    """Trials of one task, method, sampler and device: what one process does at a time."""

    data: TaskData
    method: str
    trials: list[Trial]


def _open_batches(suite: Suite, data: TaskData, archive: Archive) -> Iterator[_Batch]:
    known = archive.outcomes(data)
    wanted = [trial for trial in suite.trials(data) if trial not in known]
    for (method, *_), group in groupby(wanted, lambda t: (t.method, t.device, t.sampler)):
        yield _Batch(data, method, list(group))


def _pretrain(
    suite: Suite, batches: Sequence[_Batch], archive: Archive, jobs: int, progress: Progress
) -> None:
    wanted: dict[tuple[str, str], TaskData] = {}
    for batch in batches:
        for method in (batch.method, *([BUNDLE_METHOD] if suite.needs_bundle else [])):
            wanted[method, batch.data.sources_digest] = batch.data
    absent = [
        (method, data)
        for (method, _), data in wanted.items()
        if archive.files(method, data) is None
    ]
    work = ((method, data.sources, suite.pretraining_seed) for method, data in absent)
    for number, files in _parallel(_learn, work, len(absent), jobs, "pretraining", progress):
        archive.keep_files(*absent[number], files)


def _learned(suite: Suite, batch: _Batch, archive: Archive) -> tuple[Files, Files | None]:
    own = archive.files(batch.method, batch.data) or {}
    return own, archive.files(BUNDLE_METHOD, batch.data) if suite.needs_bundle else None


def _learn(method: str, sources: Sources, seed: int) -> Files:
    return METHODS.get(method).pretrain(sources, seed)


def _attempt(
    data: TaskData, wanted: list[Trial], files: Files, bundle_files: Files | None
) -> list[Outcome]:
    from latkit.evaluation.methods.bayes import bundle_of

    adapter = METHODS.get(wanted[0].method).load(data.sources, files)
    bundle = bundle_of(bundle_files) if bundle_files else None
    return [run(data, trial, adapter, bundle) for trial in wanted]


def _parallel(
    function: Callable[..., Any],
    work: Iterable[tuple[Any, ...]],
    total: int,
    jobs: int,
    words: str,
    progress: Progress,
) -> Iterator[tuple[int, Any]]:
    """Results and their numbers, in the order in which they come."""
    try:
        from joblib import Parallel, delayed
    except ImportError:
        raise MissingDependency("joblib", "evaluate", "evaluating") from None
    if not total:
        return
    progress(words, 0, total)
    tasks = (delayed(_numbered)(function, number, given) for number, given in enumerate(work))
    results = Parallel(n_jobs=jobs, return_as="generator_unordered")(tasks)
    for done, result in enumerate(results, start=1):
        progress(words, done, total)
        yield result


def _numbered(function: Callable[..., Any], number: int, given: tuple[Any, ...]) -> Any:
    return number, function(*given)
