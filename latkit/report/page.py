"""The report of an evaluation: a Markdown page, and beside it all figures as JSON and a plot."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from latkit.errors import UsageError
from latkit.evaluation.summary import summarise
from latkit.lab.evaluate import Evaluation
from latkit.report.plain import finite
from latkit.report.plot import plot
from latkit.report.results import as_json, as_markdown


def write(output: Path, found: Evaluation, about: Mapping[str, Any], per_device: bool) -> None:
    """Write all three; raises UsageError where a file cannot be written."""
    drawing = output.with_suffix(".svg")
    document = finite(as_json(found, about, per_device))
    try:
        plot(summarise(found.outcomes), drawing)
        text = json.dumps(document, indent=1, ensure_ascii=False)
        output.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
        page = as_markdown(found, about, drawing.name, per_device)
        output.write_text(page, encoding="utf-8")
    except OSError as problem:
        raise UsageError(f"cannot write to {output}: {problem.strerror}") from None
