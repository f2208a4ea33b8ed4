"""Tables of models that may be compared: one per test set and evaluator, real motion and baselines on top.

Scores of two evaluators, or of two test sets, never meet in one table. Trainings that differ in their seed only, be it
one entry at two times or entries of two names, share a line: it holds their mean, with an interval over clips and
trainings (crossed bootstrap) where the reports keep clips.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from motionlib.artifacts import at
from motionlib.evaluation.intervals import Interval, over_seeds
from motionlib.leaderboard.runs import Run, finished, made_by, newest, reading

RESAMPLES, SEED = 2000, 17  # of intervals over trainings
SHOWN = 12  # characters of a hash
MILLION, THOUSAND, PERCENT = 1e6, 1e3, 100.0
HELD_OUT = ("held_out", "unseen")  # where a report of reconstruction keeps its numbers, each clip's under `per_clip`
OF_CODES = ("usage", "perplexity", "normalised_entropy")


@dataclass(frozen=True)
class Column:
    """A column: its heading, where the number stands in a line's report, how it is shown and which end is better."""

    head: str
    place: str
    scale: float = 1.0
    digits: int = 3
    best: str = ""  # "min", "max" or "": no end is better


@dataclass(frozen=True)
class Value:
    """A number with its interval, if it has one; None where the report holds none."""

    mean: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Line:
    """One entry: name, values in the order of the columns, number of seeds, MLflow runs; an anchor is no model."""

    name: str
    values: tuple[Value, ...]
    seeds: int = 1
    runs: tuple[str, ...] = ()
    anchor: bool = False
    hardware: str = ""


@dataclass(frozen=True)
class Board:
    """One table."""

    title: str
    note: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]


TOKENIZERS = (
    Column("MPJPE, mm", "held_out.mpjpe_mm", best="min"),
    Column("of the mean pose's", "held_out.ratio", best="min"),
    Column("PA-MPJPE, mm", "held_out.pa_mpjpe_mm", best="min"),
    Column("pose error, mm", "held_out.pose_mm", best="min"),
    Column("acceleration error, mm/frame²", "held_out.acceleration_mm", best="min"),
    Column("jerk error, mm/frame³", "held_out.jerk_mm", best="min"),
    Column("MPJPE of unseen takes, mm", "unseen.mpjpe_mm", best="min"),
    Column("of held-out ones'", "unseen.over_held_out", best="min"),
    Column("their jerk error, mm/frame³", "unseen.jerk_mm", best="min"),
    Column("bits/s", "codes.bits_per_second.unigram"),
    Column("codes used, %", "codes.usage", PERCENT, best="max"),
    Column("entropy, % of full", "codes.normalised_entropy", PERCENT, best="max"),
    Column("perplexity", "codes.perplexity"),
    Column("parameters, M", "parameters", 1 / MILLION),
    Column("training, s", "seconds", best="min"),
)
PRIORS = (
    Column("R-precision top 1, %", "generated.r_precision_aware.0", PERCENT, best="max"),
    Column("top 2, %", "generated.r_precision_aware.1", PERCENT, best="max"),
    Column("top 3, %", "generated.r_precision_aware.2", PERCENT, best="max"),
    Column("MM-Dist", "generated.mm_dist", best="min"),
    Column("KID × 1000", "generated.kid", THOUSAND, best="min"),
    Column("FID", "generated.fid", best="min"),
    Column("coverage, %", "generated.coverage", PERCENT, best="max"),
    Column("Diversity", "generated.diversity"),
    Column("MultiModality", "multimodality"),
    Column("told text, distance", "cycle.distance", best="min"),
    Column("told text, CIDEr", "cycle.raw.cider", best="max"),
    Column("sliding feet, %", "generated.physics.skate_ratio", PERCENT, best="min"),
    Column("nats/code", "likelihood.nats_per_code.prior", best="min"),
    Column("of a bigram's", "likelihood.prior_over.bigram", best="min"),
    Column("parameters, M", "parameters", 1 / MILLION),
    Column("training, s", "seconds", best="min"),
)


def boards() -> list[Board]:
    """All tables, of tokenizers first."""
    return [*tokenizer_boards(), *prior_boards()]


def tokenizer_boards() -> list[Board]:
    """A table of tokenizers for each version of data/features."""
    trained = newest(finished("train_tokenizer"))
    encoded, analysed = finished("encode_motion"), finished("analyze_codebook")
    tables = []
    for data, runs in _grouped(trained, lambda run: run.reads.get("data/features", "")).items():
        facts = [(run, _tokenizer_facts(run, encoded, analysed)) for run in runs]
        held = facts[0][1]["held_out"]
        anchors = [
            _anchor("mean pose", TOKENIZERS, {"held_out": {"mpjpe_mm": held.get("mean_pose_mm"), "ratio": 1.0}}),
            _anchor(
                "nearest training frame (pose only)",
                TOKENIZERS,
                {"held_out": {"pose_mm": held.get("nearest_training_frame_mm")}},
            ),
        ]
        note = f"{held.get('clips', 0)} held-out clips, {held.get('frames', 0):,} frames, features {data[:SHOWN]}."
        tables.append(_board("Tokenizers", note, TOKENIZERS, (*anchors, *_lines(facts, TOKENIZERS))))
    return tables


def prior_boards() -> list[Board]:
    """A table of priors for each evaluator and version of data/features."""
    trained = finished("train_prior")
    judged = newest(finished("evaluate"), lambda run: _maker(run, trained))
    tables = []
    sets = [(run, found) for run in judged for found in _scored(run)]
    groups = _grouped(sets, lambda pair: (pair[0].reads.get("data/features", ""), pair[1]["evaluator"]))
    for (data, evaluator), pairs in groups.items():
        captioner = _captioner([run for run, _ in pairs])
        facts = [(run, _prior_facts(run, found, trained, captioner)) for run, found in pairs]
        real = pairs[0][1]["real"]
        told = next((_cycle(run, found, "real", captioner) for run, found in pairs if _told_by(run) == captioner), {})
        chance = {"generated": {"r_precision_aware": real.get("chance_aware", [])}}
        anchors = [
            _anchor("real motion", PRIORS, {"generated": _real(real), "cycle": told}),
            _anchor("chance", PRIORS, chance),
        ]
        protocol = {"name": "?", "repeats": "?", "pool": "?"} | dict(pairs[0][0].report.get("protocol", {}))
        note = (
            f"{real.get('n', 0)} held-out motions, evaluator {evaluator[:SHOWN]}, features {data[:SHOWN]}, protocol "
            f"{protocol['name']}, {protocol['repeats']} repeats, pools of {protocol['pool']}, true lengths. Another "
            "evaluator's scores stand in another table and do not compare. KID and FID of real motion are those of its "
            "halves, of half as many motions each."
        ) + (f" Told in words by captioner {captioner[:SHOWN]}; what another told is left out." if captioner else "")
        tables.append(_board("Priors", note, PRIORS, (*anchors, *_lines(facts, PRIORS))))
    return tables


def _board(title: str, note: str, columns: tuple[Column, ...], lines: tuple[Line, ...]) -> Board:
    """A table without the columns in which no model has a number, and with the machines that trained the models."""
    models = [line for line in lines if not line.anchor]
    kept = [i for i in range(len(columns)) if any(line.values[i].mean is not None for line in models)]
    machines = sorted({line.hardware for line in models if line.hardware})
    return Board(
        title,
        " ".join([note, *([f"Trained on {', '.join(machines)}."] if machines else [])]),
        tuple(columns[i] for i in kept),
        tuple(replace(line, values=tuple(line.values[i] for i in kept)) for line in lines),
    )


def _scored(run: Run) -> list[Mapping[str, Any]]:
    """What each evaluator said of a run."""
    return [run.report, *run.report.get("others", {}).values()] if run.report.get("evaluator") else []


def _tokenizer_facts(run: Run, encoded: list[Run], analysed: list[Run]) -> dict[str, Any]:
    weights, codes = f"models/tokenizers/{run.name}", f"data/codes/{run.name}"
    coder = reading(encoded, weights, run.writes.get(weights))
    book = reading(analysed, codes, coder.writes.get(codes) if coder else None)
    report = book.report if book else {}
    levels = report.get("codebooks", [])
    means = {name: float(np.mean([one[name] for one in levels if name in one])) for name in OF_CODES if levels}
    return {
        **run.report,
        "held_out": run.report.get("held_out", {}),
        "codes": {**means, "bits_per_second": report.get("bits_per_second", {})},
        "seconds": run.seconds,
    }


def _told_by(run: Run) -> str:
    """Id of the captioner that told a run's motions in words; "" if nobody did."""
    return str(at(run.report, "cycle.captioner") or "")


def _captioner(runs: Sequence[Run]) -> str:
    """The captioner of most runs, the first of several; others' scores do not compare with its."""
    ids = [told for run in runs if (told := _told_by(run))]
    return max(ids, key=ids.count, default="")


def _cycle(run: Run, scored: Mapping[str, Any], motions: str, captioner: str) -> dict[str, Any]:
    """What the chosen captioner's words say of a run's motions; distances are those of the evaluator at hand."""
    if not captioner or _told_by(run) != captioner:
        return {}
    return {**(at(run.report, f"cycle.{motions}") or {}), **(at(scored, f"cycle.{motions}") or {})}


def _prior_facts(run: Run, scored: Mapping[str, Any], trained: list[Run], captioner: str) -> dict[str, Any]:
    maker = _maker(run, trained)
    report = maker.report if maker else {}
    return {
        "generated": at(scored, "generation.true_length") or {},
        "multimodality": at(scored, "generation.multimodality.multimodality"),
        "cycle": _cycle(run, scored, "generated", captioner),
        "likelihood": report.get("held_out", {}),
        "parameters": report.get("parameters"),
        "seconds": maker.seconds if maker else None,
        "settings": maker.settings() if maker else run.settings(),
        "hardware": maker.hardware if maker else run.hardware,
    }


def _real(scores: Mapping[str, Any]) -> dict[str, Any]:
    """Scores of real motion; its distances are those of its halves, as it is none from itself."""
    halves = scores.get("halves", {})
    itself = ("kid", "fid", "fid_extrapolated", "coverage", "density")
    kept = {name: value for name, value in scores.items() if name not in itself}
    return kept | {name: halves[name] for name in ("kid", "fid") if name in halves}


def _maker(run: Run, trained: list[Run]) -> Run | None:
    """The training of the prior that a run of `evaluate` judged."""
    weights = f"models/priors/{run.name}"
    return made_by(trained, weights, run.reads.get(weights))


def _lines(facts: Sequence[tuple[Run, dict[str, Any]]], columns: tuple[Column, ...]) -> list[Line]:
    """A line per settings, best first in the first column; trainings with other seeds share it."""
    groups = _grouped(list(facts), lambda pair: str(pair[1].get("settings", pair[0].settings())))
    lines = [_line(pairs, columns) for pairs in groups.values()]
    sign = -1.0 if columns[0].best == "max" else 1.0
    return sorted(lines, key=lambda line: (line.values[0].mean is None, sign * (line.values[0].mean or 0.0), line.name))


def _line(pairs: Sequence[tuple[Run, dict[str, Any]]], columns: tuple[Column, ...]) -> Line:
    values = [_mean([_value(at(facts, column.place), column.scale) for _, facts in pairs]) for column in columns]
    for i, column in enumerate(columns):
        group, _, metric = column.place.partition(".")
        if len(pairs) > 1 and group in HELD_OUT and (both := _over_seeds([facts for _, facts in pairs], group, metric)):
            values[i] = Value(both.mean * column.scale, both.low * column.scale, both.high * column.scale)
    return Line(
        name=min((run.name for run, _ in pairs), key=lambda name: (len(name), name)),
        values=tuple(values),
        seeds=len(pairs),
        runs=tuple(run.id for run, _ in pairs),
        hardware=next((run.hardware for run, _ in pairs if run.hardware), ""),
    )


def _over_seeds(facts: Sequence[Mapping[str, Any]], group: str, metric: str) -> Interval | None:
    """Mean over trainings and clips of a number that reports keep per clip, if all were measured on the same clips."""
    tables = [at(one, f"{group}.per_clip") for one in facts]
    if not all(tables) or any(set(table) != set(tables[0]) for table in tables):
        return None
    if any(metric not in clip for table in tables for clip in table.values()):
        return None
    return over_seeds(
        np.array([[table[clip][metric] for clip in sorted(tables[0])] for table in tables]), RESAMPLES, SEED
    )


def _mean(values: Sequence[Value]) -> Value:
    """Mean of several trainings; the widest of their intervals, as clips alone cannot say how trainings differ."""
    known = [value for value in values if value.mean is not None]
    if not known:
        return Value(None)
    means = [value.mean for value in known if value.mean is not None]
    lows = [value.low for value in known if value.low is not None]
    highs = [value.high for value in known if value.high is not None]
    return Value(float(np.mean(means)), min(lows, default=None), max(highs, default=None))


def _value(found: Any, scale: float) -> Value:
    if isinstance(found, Mapping) and "mean" in found:
        mean, low, high = (float(found[name]) * scale if name in found else None for name in ("mean", "low", "high"))
        return Value(mean, low, high)
    return Value(found * scale) if isinstance(found, int | float) else Value(None)


def _anchor(name: str, columns: tuple[Column, ...], report: Mapping[str, Any]) -> Line:
    return Line(name, tuple(_value(at(report, column.place), column.scale) for column in columns), anchor=True)


def _grouped(items: Sequence[Any], key: Callable[[Any], Any]) -> dict[Any, list[Any]]:
    groups: dict[Any, list[Any]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups
