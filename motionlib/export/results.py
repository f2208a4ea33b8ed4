"""What a run came to: the numbers that a person wants first, and the comparisons that give them a meaning."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from motionlib.artifacts import at
from motionlib.export.numbers import Card, Reports, card, shown

SHOWN_ID = 12  # characters of a hash that a person compares
THOUSAND = 1000.0  # KID is small
PERCENT, SIGN = 100.0, "\u00a0%"  # a blank that does not break before the sign
NONE = "–"
# Columns of the table of scores: heading and place in reports/evaluate.
SETS = {
    "real": "real",
    "reconstructed": "reconstruction",
    "generated, true length": "generation.true_length",
    "generated, own length": "generation.own_length",
}
# Its lines: what, place in a set, factor, unit.
SCORES = (
    ("R-precision top 1", "r_precision_aware.0", PERCENT, SIGN),
    ("R-precision top 2", "r_precision_aware.1", PERCENT, SIGN),
    ("R-precision top 3", "r_precision_aware.2", PERCENT, SIGN),
    ("times chance, top 1", "times_chance_aware.0", 1.0, ""),
    ("R-precision top 1, published way", "r_precision.0", PERCENT, SIGN),
    ("MM-Dist", "mm_dist", 1.0, ""),
    ("KID against real × 1000", "kid", THOUSAND, ""),
    ("FID against real", "fid", 1.0, ""),
    ("FID at infinite N", "fid_extrapolated", 1.0, ""),
    ("density", "density", 1.0, ""),
    ("coverage of real motion", "coverage", PERCENT, SIGN),
    ("Diversity", "diversity", 1.0, ""),
    ("feet that slide", "physics.skate_ratio", PERCENT, SIGN),
    ("jerk of the joints", "physics.jitter", 1.0, " m/s³"),
    ("change of bone lengths", "physics.bone_drift", PERCENT, SIGN),
    ("contacts that the feet bear out", "physics.contact_consistency", PERCENT, SIGN),
    ("length, away from the real one", "length_error_s", 1.0, " s"),
)
ERRORS = (
    ("this tokenizer", "mpjpe_mm", ""),
    ("nearest training frame, told the heading", "nearest_frame_mm", "mpjpe_over_nearest_frame"),
    ("mean pose, told the heading", "mean_pose_facing_mm", "mpjpe_over_mean_pose_facing"),
    ("mean pose", "mean_pose_mm", "mpjpe_over_mean_pose"),
)
CONTRAST = (("range of the pelvis height", "root_height_range_m", " m"), ("speed", "horizontal_speed_mps", " m/s"))


class Table(NamedTuple):
    """A table of a page: the first column names, the others hold numbers."""

    id: str
    title: str
    note: str
    heads: Sequence[str]
    lines: Sequence[Sequence[str]]


def cards(found: Reports) -> list[Card]:
    """The numbers that a person wants first; those that no report holds are left out."""
    made = (*_data_cards(found), *_model_cards(found), *_score_cards(found))
    return [one for one in made if one.value != NONE]


def tables(found: Reports) -> list[Table]:
    """The comparisons that give those numbers a meaning; those that no report holds are left out."""
    made = (_errors(found), _likelihood(found), _scores(found), _contrast(found), _licences(found))
    return [table for table in made if table.lines]


def _show(numbers: Any, place: str, scale: float = 1.0, unit: str = "") -> str:
    value = at(numbers, place)
    return NONE if value is None else shown(value, scale, unit)


def _short(label: str, numbers: Any, place: str, scale: float = 1.0, unit: str = "", note: str = "") -> Card:
    value = at(numbers, place)
    return Card(label, NONE) if value is None else card(label, value, scale, unit, note)


def _beside(numbers: Any, place: str, scale: float = 1.0, unit: str = "") -> str:
    """A number for a note: short, without its interval."""
    return _short("", numbers, place, scale, unit).value


def _data_cards(found: Reports) -> Iterator[Card]:
    count = at(found.ingest, "count") or {}
    if count:
        note = f"of {count['files']:,} files, {count['quarantine']} quarantined"
        yield card("Takes in", count["files"] - count["quarantine"], note=note)
    yield _short("Hours", found.ingest, "hours", note=f"{_show(found.ingest, 'captions')} captions")


def _model_cards(found: Reports) -> Iterator[Card]:
    kept, book, likely = found.evaluate.get("reconstruction"), found.codebook, found.train_prior.get("held_out")
    share = f"{_beside(kept, 'mpjpe_over_mean_pose', PERCENT, SIGN)} of the mean pose's"
    yield _short("Joint error, held out", kept, "mpjpe_mm", unit=" mm", note=share)
    codes = f"of {_show(book, 'shape.codebook_size')} codes; perplexity {_beside(book, 'codebooks.0.perplexity')}"
    yield _short("Codebook usage", book, "codebooks.0.usage", PERCENT, SIGN, codes)
    bigram = f"per code; {_beside(likely, 'prior_over.bigram', PERCENT, SIGN)} of a bigram's"
    yield _short("Prior, held out", likely, "nats_per_code.prior", unit=" nats", note=bigram)


def _score_cards(found: Reports) -> Iterator[Card]:
    judged = found.evaluate
    chance = _beside(judged, "real.chance_aware.0", PERCENT, SIGN)
    pool = f"top 1 of {_show(judged, 'protocol.pool')}; chance {chance}"
    for name, place in (("real", "real"), ("generated", "generation.true_length")):
        yield _short(f"R-precision, {name}", judged, f"{place}.r_precision_aware.0", PERCENT, SIGN, pool)
    halves = f"halves of the real test set: {_beside(judged, 'real.halves.kid', THOUSAND)}"
    yield _short("KID × 1000, generated", judged, "generation.true_length.kid", THOUSAND, note=halves)
    judge = str(judged.get("evaluator", NONE))[:SHOWN_ID]
    yield Card("Evaluator", judge, note="scores of another evaluator cannot be compared")


def _errors(found: Reports) -> Table:
    kept = found.evaluate.get("reconstruction")
    lines = [
        [name, _show(kept, place), _show(kept, share) if share else ""]
        for name, place, share in ERRORS
        if at(kept, place)
    ]
    note = (
        f"Mean distance of the joints from the real ones on {_show(kept, 'clips')} held-out clips, pelvis aligned, "
        "with 95 % intervals over clips."
    )
    return Table("errors", "Reconstruction", note, ("", "mm", "tokenizer's share of it"), lines)


def _likelihood(found: Reports) -> Table:
    held = found.train_prior.get("held_out")
    lines = [
        [
            name,
            _show(held, f"nats_per_code.{name}"),
            _show(held, f"bits_per_second.{name}"),
            _show(held, f"prior_over.{name}") if name != "prior" else "",
        ]
        for name in ("unigram", "bigram", "prior")
        if at(held, f"nats_per_code.{name}")
    ]
    worth = _show(held, "captions_worth.over_wrong_caption")
    note = f"How well held-out codes are foreseen, less being better, on {_show(held, 'captions')} captions."
    note += f" The right caption instead of a wrong one is worth {worth} nats per code." if worth != NONE else ""
    return Table(
        "likelihood", "Likelihood", note, ("", "nats per code", "bits per second", "prior's share of it"), lines
    )


def _scores(found: Reports) -> Table:
    sets = {name: at(found.evaluate, place) for name, place in SETS.items()}
    sets = {name: numbers for name, numbers in sets.items() if numbers}
    lines = [
        [name, *(_show(numbers, place, scale, unit) for numbers in sets.values())]
        for name, place, scale, unit in SCORES
        if any(at(numbers, place) is not None for numbers in sets.values())
    ]
    judge = str(found.evaluate.get("evaluator"))[:SHOWN_ID]
    note = (
        f"{_show(found.evaluate, 'real.n')} held-out motions, evaluator {judge}. "
        "R-precision counts every motion that a caption describes as a hit; intervals are 95 %."
    )
    return Table("scores", "Text and motion", note, ("", *sets), lines)


def _contrast(found: Reports) -> Table:
    seen: Mapping[str, Any] = at(found.evaluate, "generation.contrast") or {}
    texts = seen.get("texts") or ("", "")
    lines = [
        [name, *(_show(seen, f"{place}.{part}", 1.0, unit) for part in ("first", "second", "difference")),
         _show(seen, f"{place}.effect")]
        for name, place, unit in CONTRAST
        if place in seen
    ]  # fmt: skip
    note = f"{_show(seen, 'count')} motions of each text, {_show(seen, 'seconds')} s long. Effect: Cohen's d."
    return Table("contrast", "Does the text matter?", note, ("", *texts, "difference", "effect"), lines)


def _licences(found: Reports) -> Table:
    parts: Mapping[str, Any] = found.ingest.get("licences") or {}
    lines = [[name, shown(part["files"]), shown(part["hours"])] for name, part in parts.items()]
    return Table("licences", "Licences", "", ("", "files", "hours"), lines)
