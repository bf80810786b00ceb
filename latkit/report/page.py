"""The report of an evaluation: a Markdown page, and beside it all figures as JSON and a plot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from latkit.errors import UsageError
from latkit.evaluation.summary import summarise
from latkit.lab.evaluate import Evaluation
from latkit.report.clean import clean
from latkit.report.plain import as_text
from latkit.report.plot import plot
from latkit.report.results import as_json, as_markdown


def write(output: Path, found: Evaluation, about: Mapping[str, Any], per_device: bool) -> None:
    """Write all three; raises UsageError where a file cannot be written."""
    drawing = output.with_suffix(".svg")
    document = as_text(as_json(found, about, per_device), indent=1)
    try:
        plot(summarise(found.outcomes), drawing)
        output.with_suffix(".json").write_text(document + "\n", encoding="utf-8")
        page = clean(as_markdown(found, about, drawing.name, per_device))
        output.write_text(page, encoding="utf-8")
    except OSError as problem:
        raise UsageError(f"cannot write to {output}: {problem.strerror}") from None
