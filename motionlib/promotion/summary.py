"""The numbers of a run that a person wants first, out of the reports of its stages."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from motionlib import params
from motionlib.artifacts import BadArtifactError, at, read_report

MISSING = "–"
THOUSAND = 1000.0  # KID is small
# What the summary holds: name -> report and dotted place in it.
PLACES = {
    "files": ("ingest", "count.files"),
    "quarantined": ("ingest", "count.quarantine"),
    "hours": ("ingest", "hours"),
    "captions": ("normalize", "captions.unique"),
    "clips": ("normalize", "clips.out"),
    "mpjpe_mm": ("evaluate", "reconstruction.mpjpe_mm"),
    "mpjpe_over_mean_pose": ("evaluate", "reconstruction.mpjpe_over_mean_pose"),
    "mean_pose_mm": ("evaluate", "reconstruction.mean_pose_mm"),
    "nearest_frame_mm": ("evaluate", "reconstruction.nearest_frame_mm"),
    "codebook_size": ("codebook", "shape.codebook_size"),
    "codebook_usage": ("codebook", "codebooks.0.usage"),
    "codebook_perplexity": ("codebook", "codebooks.0.perplexity"),
    "nats_per_code": ("train_prior", "held_out.nats_per_code.prior"),
    "nats_per_code_unigram": ("train_prior", "held_out.nats_per_code.unigram"),
    "nats_per_code_bigram": ("train_prior", "held_out.nats_per_code.bigram"),
    "nats_over_bigram": ("train_prior", "held_out.prior_over.bigram"),
    "real_kid_of_halves": ("evaluate", "real.halves.kid"),
    "generated_kid": ("evaluate", "generation.true_length.kid"),
    "reconstructed_kid": ("evaluate", "reconstruction.kid"),
    "generated_fid": ("evaluate", "generation.true_length.fid"),
    "generated_coverage": ("evaluate", "generation.true_length.coverage"),
    "real_r_precision": ("evaluate", "real.r_precision_aware.0"),
    "generated_r_precision": ("evaluate", "generation.true_length.r_precision_aware.0"),
    "chance_r_precision": ("evaluate", "real.chance_aware.0"),
    "evaluator": ("evaluate", "evaluator"),
}
INTERVAL = ("mean", "low", "high")


class Row(NamedTuple):
    """A line of the table of results: what, its value, and what it is to be held against."""

    what: str
    value: str
    beside: str


def read(reports: Path = Path("reports"), config: params.Params | None = None) -> dict[str, Any]:
    """Key numbers of the bundled models, by the names of PLACES; None where no report holds one."""
    found = read_reports(reports, config or params.load())
    return {name: at(found[report], place) for name, (report, place) in PLACES.items()}


def read_reports(reports: Path, config: params.Params) -> dict[str, dict[str, Any]]:
    """Reports of the stages that made what is bundled, by stage; {} for one that is not there."""
    tokenizer, prior = config.bundle.tokenizer, config.bundle.prior
    folders = {
        "ingest": "ingest",
        "normalize": "normalize",
        "train_evaluator": f"train_evaluator/{config.evaluate.evaluator}",
        "train_tokenizer": f"train_tokenizer/{tokenizer}",
        "codebook": f"codebook/{tokenizer}",
        "off_distribution": f"off_distribution/{tokenizer}",
        "train_prior": f"train_prior/{prior}",
        "evaluate": f"evaluate/{prior}",
    }
    return {stage: _report(reports / folder) for stage, folder in folders.items()}


def rows(found: Mapping[str, Any]) -> list[Row]:
    """The table of results; less is better but for usage, R-precision and what went in."""

    def show(name: str, scale: float = 1.0, unit: str = "") -> str:
        return shown(found.get(name), scale, unit)

    evaluator = str(found.get("evaluator") or MISSING)[:12]
    return [
        Row("files in", show("files"), f"{show('quarantined')} quarantined"),
        Row("clips", show("clips"), f"{show('hours')} hours, {show('captions')} captions"),
        Row("MPJPE, held out", show("mpjpe_mm", unit=" mm"), f"{show('mpjpe_over_mean_pose')} of the mean pose's"),
        Row("codebook usage", show("codebook_usage", 100, " %"), f"of {show('codebook_size')} codes"),
        Row("perplexity", show("codebook_perplexity"), ""),
        Row("NLL, held out", show("nats_per_code", unit=" nats"), f"{show('nats_over_bigram')} of a bigram's"),
        Row(
            "KID x 1000, generated",
            show("generated_kid", THOUSAND),
            f"halves of real motion: {show('real_kid_of_halves', THOUSAND)}",
        ),
        Row(
            "R-precision, real", show("real_r_precision", 100, " %"), f"chance {show('chance_r_precision', 100, ' %')}"
        ),
        Row("R-precision, generated", show("generated_r_precision", 100, " %"), f"evaluator {evaluator}"),
    ]


def metrics(found: Mapping[str, Any]) -> dict[str, float]:
    """The numbers alone; of an interval, `<name>`, `<name>.low` and `<name>.high`."""
    result: dict[str, float] = {}
    for name, value in found.items():
        if isinstance(value, Mapping):
            result |= {
                name if key == "mean" else f"{name}.{key}": float(value[key]) for key in INTERVAL if key in value
            }
        elif isinstance(value, int | float):
            result[name] = float(value)
    return result


def shown(value: Any, scale: float = 1.0, unit: str = "") -> str:
    """A number as text, with its interval where it has one: `28.4 (27.1 to 29.8) mm`."""
    if isinstance(value, Mapping) and all(key in value for key in INTERVAL):
        mean, low, high = (f"{value[key] * scale:.3g}" for key in INTERVAL)
        return f"{mean} ({low} to {high}){unit}"
    if isinstance(value, int) and scale == 1.0:
        return f"{value:,}{unit}"
    return f"{value * scale:.3g}{unit}" if isinstance(value, int | float) else MISSING


def _report(folder: Path) -> dict[str, Any]:
    try:
        return read_report(folder)
    except BadArtifactError:  # the stage has not run: the summary says so by a dash
        return {}
