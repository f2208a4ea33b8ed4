"""The report of a codebook: numbers, pictures, tables and the dictionary, from codes, features and the tokenizer."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from motionlib.artifacts import CodeSet, FeatureSet, Float32, Int64, Report
from motionlib.codebook import analysis, maps, motions, pictures
from motionlib.codebook.entries import Level, entry_table, level_of, looked_at
from motionlib.codebook.index import index_table
from motionlib.codebook.vectors import plane
from motionlib.evaluation import roundtrip
from motionlib.export.dictionary import PAGE, dictionary_page
from motionlib.tokenizers.base import Tokenizer
from motionlib.tokenizers.clips import decode_codes, encode_clip

INDEX, ENTRIES = "index.parquet", "codes.parquet"
MOST_INDEXED = 16  # codebooks whose uses are listed one by one; of more, those that are looked at


def report(name: str, codes: CodeSet, features: FeatureSet, model: Tokenizer, trained: Mapping[str, Any]) -> Report:
    """All that is told of a tokenizer's codes.

    Args:
        trained: Numbers of its report of `train_tokenizer`.
    """
    numbers = analysis.analyse([codes.of(clip) for clip in codes.clips], codes.shape, codes.vectors)
    numbers["distortion"] = analysis.distortion(trained)
    numbers["rate_distortion"] = rate_distortion(numbers, codes, features, model)
    levels = [_level(number, codes, features, model, numbers) for number in numbers["shared"]["codebooks"]]
    indexed = list(range(codes.shape.codes_per_step)) if codes.shape.codes_per_step <= MOST_INDEXED else [
        level.number for level in levels
    ]  # fmt: skip
    numbers["indexed"] = indexed
    page = dictionary_page(name, codes, features, decoder(model), levels, numbers)
    drawn = {**_overall(name, numbers, analysis.curves(trained)), **_pictures(name, codes, levels)}
    tables = {INDEX: index_table(codes, features, indexed), ENTRIES: entry_table(levels)}
    return Report(numbers, {**drawn, PAGE: page}, tables)


def decoder(model: Tokenizer) -> motions.Decode:
    """A tokenizer as a function from codes (B, L, Q) to raw features (B, T, D), in numpy."""

    def decode(codes: Int64) -> Float32:
        with torch.inference_mode():
            rows: Float32 = (
                model.decode(torch.from_numpy(np.ascontiguousarray(codes)).to(model.mean.device)).cpu().numpy()
            )
        return rows

    return decode


def rate_distortion(
    numbers: Mapping[str, Any], codes: CodeSet, features: FeatureSet, model: Tokenizer
) -> list[dict[str, float]]:
    """Rate and held-out error if only the first codebooks speak and the others say what they most often say.

    Returns:
        For some numbers of `codebooks` up to all: `bits_per_second` by frequency, `mpjpe_mm`. Nothing for a tokenizer
        of one codebook, or where nothing is held out.
    """
    shape = codes.shape
    pieces = roundtrip.pieces(features, "test", shape.frames_per_step) if shape.codes_per_step > 1 else []
    if not pieces:
        return []
    usual = np.array([np.argmax(level["counts"]) for level in numbers["codebooks"]])
    bits = np.cumsum([level["unigram_bits"] for level in numbers["codebooks"]]) * shape.steps_per_second
    cuts = [level + 1 for level in analysis.shown_levels(shape.codes_per_step)]

    def error(kept: int) -> float:
        def reconstruct(rows: Float32) -> Float32:
            said = encode_clip(model, rows)
            said[:, kept:] = usual[kept:]
            return decode_codes(model, said)

        return roundtrip.mean_error(pieces, reconstruct)["mpjpe_mm"]

    return [{"codebooks": kept, "bits_per_second": float(bits[kept - 1]), "mpjpe_mm": error(kept)} for kept in cuts]


def _level(number: int, codes: CodeSet, features: FeatureSet, model: Tokenizer, numbers: dict[str, Any]) -> Level:
    """Look at a codebook closely; what is found joins its numbers."""
    known = numbers["codebooks"][number]
    counts = np.array(known["counts"])
    seen = motions.portraits(decoder(model), codes, features, number, looked_at(counts))
    level = level_of(codes, number, seen, plane(seen.points, counts[seen.codes]), known.get("duplicates", []))
    known["motion"] = level.summary()
    return level


def _overall(name: str, numbers: Mapping[str, Any], curves: Mapping[str, Any]) -> dict[str, bytes]:
    """Pictures of the tokenizer as a whole."""
    shown = numbers["shared"]["codebooks"]
    counts = {level: np.array(numbers["codebooks"][level]["counts"]) for level in shown}
    drawn = {"rank_frequency.png": pictures.rank_frequency_png(counts, name)}
    if len(numbers["codebooks"]) > 1:
        drawn["codebooks.png"] = pictures.codebooks_png(numbers, name)
    if curves:
        drawn["training.png"] = pictures.training_png(curves, name)
    if "mpjpe_mm" in numbers["distortion"]:
        drawn["rate_distortion.png"] = pictures.rate_png(numbers, name)
    return drawn


def _pictures(name: str, codes: CodeSet, levels: list[Level]) -> dict[str, bytes]:
    """Pictures of each codebook that was looked at."""
    drawn: dict[str, bytes] = {}
    for level in levels:
        title, chosen = f"{name}, codebook {level.number}", level.seen.codes
        sequences = [codes.of(clip)[:, level.number] for clip in codes.clips]
        poses = motions.poses(level.seen.points, codes.shape.frames_per_step)
        place = np.array([[entry.x, entry.y] for entry in level.entries])
        drawn |= {
            f"usage_{level.number}.png": pictures.usage_png(level.counts, title),
            f"transitions_{level.number}.png": maps.transitions_png(sequences, codes.shape.codebook_size, title),
            f"graph_{level.number}.png": maps.graph_png(level.pairs, level.counts, title, chosen, poses),
            f"map_{level.number}.png": maps.map_png(
                place, chosen, level.counts[chosen], level.seen.speed, poses, title
            ),
        }
    return drawn
