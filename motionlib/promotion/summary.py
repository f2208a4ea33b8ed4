"""The numbers of a run that a person wants first, out of the reports of its stages."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from motionlib import params
from motionlib.artifacts import BadArtifactError, read_report

MISSING = "–"


def read(reports: Path = Path("reports"), config: params.Params | None = None) -> dict[str, Any]:
    """Key numbers of the bundled models; what no report holds is None.

    Returns:
        Nested: `data`, `reconstruction`, `codebook`, `prior`, `generation`, `evaluator`.
    """
    bundle = (config or params.load()).bundle
    ingest, normalize = _report(reports / "ingest"), _report(reports / "normalize")
    codebook = _report(reports / "codebook" / bundle.tokenizer)
    prior, judged = _report(reports / "train_prior" / bundle.prior), _report(reports / "evaluate" / bundle.prior)
    return {
        "data": {
            "files": _at(ingest, "count.files"),
            "quarantined": _at(ingest, "count.quarantine"),
            "hours": _at(ingest, "hours"),
            "captions": _at(ingest, "captions"),
            "clips": _at(normalize, "clips"),
        },
        "codebook": {"usage": _at(codebook, "usage"), "perplexity": _at(codebook, "perplexity")},
        "prior": {"nats_per_code": _at(prior, "held_out.nats_per_code"), "bigram": _at(prior, "held_out.bigram")},
        "reconstruction": _at(judged, "reconstruction"),
        "generation": _at(judged, "generation"),
        "evaluator": _at(judged, "evaluator"),
    }


def rows(found: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Lines of a table: what, value, and what it is to be held against."""
    for part, values in found.items():
        yield part, str(values), ""


def metrics(found: Mapping[str, Any]) -> dict[str, float]:
    """The numbers alone, by dotted name."""
    return dict(_numbers(found, ""))


def _numbers(found: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, float]]:
    for name, value in found.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{prefix}{name}.")
        elif isinstance(value, int | float):
            yield f"{prefix}{name}", float(value)


def _report(folder: Path) -> dict[str, Any]:
    try:
        return read_report(folder)
    except BadArtifactError:
        return {}


def _at(report: Mapping[str, Any], place: str) -> Any:
    value: Any = report
    for name in place.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
