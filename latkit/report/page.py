"""The report of an evaluation: a Markdown page, and beside it all figures as JSON and a plot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from latkit.errors import UsageError
from latkit.evaluation.summary import summarise
from latkit.files import replacing
from latkit.lab.evaluate import Evaluation
from latkit.report.clean import clean
from latkit.report.plain import as_text
from latkit.report.plot import plot
from latkit.report.results import as_json, as_markdown


def write(output: Path, found: Evaluation, about: Mapping[str, Any], per_device: bool) -> None:
    """Write all three, each whole or not at all; raises UsageError where one cannot be written."""
    drawing, figures = output.with_suffix(".svg"), output.with_suffix(".json")
    document = as_text(as_json(found, about, per_device), indent=1)
    page = clean(as_markdown(found, about, drawing.name, per_device))
    try:
        with replacing(drawing) as temporary:
            plot(summarise(found.outcomes), temporary)
        for path, text in ((figures, f"{document}\n"), (output, page)):
            with replacing(path) as temporary:
                temporary.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise UsageError(f"cannot write to {output}: {problem.strerror}") from None
