"""Commands that make motion of texts: new motion, motion that goes on, motion that is changed."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from motionlib.cli.common import (
    Command,
    answer,
    existing,
    json_option,
    load_model,
    model_option,
    output,
    read_features,
    unit_option,
)

if TYPE_CHECKING:
    from motionlib.artifacts import Int64
    from motionlib.export.save import Played
    from motionlib.promotion.bundle import Bundle
    from motionlib.promotion.edits import Change, Edited

LENGTH = click.FloatRange(min=0, min_open=True)


def drawing_options(command: Command) -> Command:
    """How many motions are drawn, and how."""
    words = "Setting of the sampling, such as temperature=0.8, top_p=0.9 or guidance=2; may be repeated."
    command = click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help=words)(command)
    seed = click.IntRange(0)
    command = click.option("--seed", type=seed, default=0, show_default=True, help="Same seed, same bytes.")(command)
    count = click.IntRange(1, 1000)
    return click.option("--count", type=count, default=1, show_default=True, help="How many motions.")(command)


@click.command(epilog='Example: motionlib generate "a person walks forward" -o walk.bvh --seed 1')
@click.argument("texts", metavar="TEXT...", nargs=-1, required=True)
@click.option("-o", "--output", "target", type=output(), required=True, help=".bvh, .glb, .npy or .html.")
@click.option(
    "--seconds", type=LENGTH, multiple=True, help="Length, one for all texts or one for each; else the model decides."
)
@click.option("--start", type=existing(), help="Motion or pose to go on from; it comes back exactly, then what is new.")
@click.option(
    "--best-of",
    "tries",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    help="Draw so many for each motion and keep the one that the model, reading it, tells most like TEXT.",
)
@click.option("--explain", "explained", is_flag=True, help="Say which training motions it is like: memorised or new?")
@drawing_options
@model_option
@unit_option
@json_option
def generate(
    texts: tuple[str, ...],
    target: Path,
    seconds: tuple[float, ...],
    start: Path | None,
    tries: int,
    explained: bool,
    count: int,
    seed: int,
    settings: tuple[str, ...],
    name: str,
    unit: str,
    as_json: bool,
) -> None:
    """Make motion that shows TEXT; with several texts, one motion that shows one after the other.

    With --count, files are numbered (walk_1.bvh, walk_2.bvh, ...); an .html page shows all of them side by side.
    Motions may be of any length: beyond what the model writes at once it goes on from its own last seconds.
    --explain holds the codes against those of the training motions in data/codes and data/features.
    """
    from motionlib.export.save import Played, check_suffix
    from motionlib.normalize import recover

    check_suffix(target)
    model, sampling = load_model(name), _settings(settings)
    lengths = _lengths(seconds, len(texts))
    if tries > 1:
        return _save_best(target, model, texts, start, lengths, count, seed, sampling, tries, explained, unit, as_json)
    if start is not None:
        from motionlib.promotion.edits import go_on

        made = go_on(model, read_features(start, model.mode), texts, lengths, count, seed, sampling)
        motions = [Played(one.joints, model.fps, ", then ".join(texts)) for one in made]
        more = _facts(made) | _explained(model, [one.codes for one in made], explained)
        return _save(target, motions, unit, seed, as_json, more)
    drawn = (
        model.generate(texts, lengths, count, seed, sampling)
        if len(texts) == 1
        else model.in_a_row(texts, lengths, count, seed, sampling)
    )
    motions = [Played(recover(motion.features), motion.fps, motion.text) for motion in drawn]
    return _save(target, motions, unit, seed, as_json, _explained(model, [one.codes for one in drawn], explained))


def _save_best(
    target: Path,
    model: "Bundle",
    texts: Sequence[str],
    start: Path | None,
    lengths: list[float] | None,
    count: int,
    seed: int,
    sampling: dict[str, Any],
    tries: int,
    explained: bool,
    unit: str,
    as_json: bool,
) -> None:
    from motionlib.export.save import Played
    from motionlib.normalize import recover
    from motionlib.promotion.telling import best_of

    if len(texts) > 1 or start is not None:
        raise ValueError("--best-of chooses among motions of one text, without --start")
    best = best_of(model, texts[0], lengths, count, tries, seed, sampling)
    motions = [Played(recover(one.motion.features), one.motion.fps, one.motion.text) for one in best]
    more: dict[str, list[Any]] = {"nats_per_word": [round(one.surprise, 4) for one in best], "of": [tries] * count}
    more |= _explained(model, [one.motion.codes for one in best], explained)
    _save(target, motions, unit, seed, as_json, more)


@click.command(epilog='Example: motionlib edit walk.bvh out.bvh --replace 1.5:3 "a person jumps"')
@click.argument("source", type=existing())
@click.argument("target", type=output())
@click.option(
    "--replace", "replaced", nargs=2, multiple=True, metavar="FROM:TO TEXT", help='Seconds written anew; "": no text.'
)
@click.option("--keep", "kept", multiple=True, metavar="FROM:TO", help="Seconds that stay; all others are written.")
@click.option("--text", default="", help="What the motion between kept parts shows.")
@click.option("--seam", type=LENGTH, default=0.4, show_default=True, help="Seconds in which a written part leaves it.")
@click.option(
    "--after",
    type=click.Choice(["stay", "follow"]),
    default="stay",
    show_default=True,
    help="What follows a written part stands where it stood, or goes on from where that ended.",
)
@drawing_options
@model_option
@unit_option
@json_option
def edit(
    source: Path,
    target: Path,
    replaced: tuple[tuple[str, str], ...],
    kept: tuple[str, ...],
    text: str,
    seam: float,
    after: str,
    count: int,
    seed: int,
    settings: tuple[str, ...],
    name: str,
    unit: str,
    as_json: bool,
) -> None:
    """Write parts of a motion anew by text; every other frame comes back exactly.

    A part that ends behind the motion makes it longer. SOURCE is any readable mocap, or .npy joints or features.
    """
    from motionlib.export.save import Played, check_suffix
    from motionlib.promotion.edits import edit as change

    check_suffix(target)
    model = load_model(name)
    rows = read_features(source, model.mode)
    changes = _changes(replaced, kept, text, len(rows) / model.fps)
    made = change(model, rows, changes, count, seed, _settings(settings), seam, "stay" if after == "stay" else "follow")
    told = "; ".join(f"{one.start:g}-{one.end:g} s: {one.text or 'no text'}" for one in changes)
    _save(target, [Played(one.joints, model.fps, told) for one in made], unit, seed, as_json, _facts(made))


def _save(
    target: Path, motions: list["Played"], unit: str, seed: int, as_json: bool, more: dict[str, list[Any]]
) -> None:
    from motionlib.export.save import save_all

    paths = save_all(target, motions, "m" if unit == "m" else "cm")
    fps, frames = motions[0].fps, [len(motion.joints) for motion in motions]
    facts = {"paths": [str(path) for path in paths], "frames": frames, "fps": fps, "seed": seed}
    told = f"{' '.join(str(path) for path in paths)}: {', '.join(f'{count / fps:.2f} s' for count in frames)}"
    if "nats_per_word" in more:
        nats = ", ".join(f"{one:.2f}" for one in more["nats_per_word"])
        told += f"; the text is told from it with {nats} nats a word"
    if "kept_frames" in more:
        told += f"; {min(more['kept_frames'])} frames kept exactly, seams jump by {max(more['seam_jump']):.2f} m/s"
        told += f" (frames of the source by up to {max(more['own_jump']):.2f} m/s)"
    if "provenance" in more:
        from motionlib.promotion.explain import sentence

        told = "\n".join([told, *map(sentence, more["provenance"])])
    answer(facts | {"text": motions[0].text} | more, as_json, told)


def _explained(model: "Bundle", codes: Sequence["Int64"], wanted: bool) -> dict[str, list[Any]]:
    """Where each motion's codes (L, Q) come from; {} unless wanted."""
    if not wanted:
        return {}
    from motionlib.promotion.explain import Library

    library = Library.read(model, model.facts["names"]["tokenizer"])
    return {"provenance": [library.explain(one) for one in codes]}


def _facts(made: Sequence["Edited"]) -> dict[str, list[Any]]:
    """What the contract of an edit says of each result."""
    names = ("seam_jump", "own_jump", "led", "turned")
    return {"kept_frames": [int((~one.mask).sum()) for one in made]} | {
        name: [round(getattr(one, name), 4) for one in made] for name in names
    }


def _lengths(seconds: tuple[float, ...], texts: int) -> list[float] | None:
    if len(seconds) not in {0, 1, texts}:
        raise ValueError(f"--seconds is there {len(seconds)} times for {texts} texts; say it once, or once for each")
    return None if not seconds else list(seconds) * (texts if len(seconds) == 1 else 1)


def _changes(replaced: tuple[tuple[str, str], ...], kept: tuple[str, ...], text: str, end: float) -> list["Change"]:
    from motionlib.promotion.edits import Change

    if bool(replaced) == bool(kept):
        raise ValueError("say either what to --replace or what to --keep")
    if text and replaced:
        raise ValueError("--text belongs to --keep; --replace brings its own")
    if replaced:
        return [Change(*_span(span), told) for span, told in replaced]
    spans = sorted(_span(span) for span in kept)
    borders = [(0.0, 0.0), *spans, (end, end)]
    gaps = [(a, b) for (_, a), (b, _) in pairwise(borders) if b > a]
    return [Change(start, stop, text) for start, stop in gaps]


def _span(span: str) -> tuple[float, float]:
    start, _, end = span.partition(":")
    try:
        return float(start), float(end)
    except ValueError:
        raise ValueError(f"{span!r}: expected seconds FROM:TO, such as 1.5:3") from None


def _settings(settings: tuple[str, ...]) -> dict[str, Any]:
    """`key=value` as a mapping; what a value must be, the family's Sampling says."""
    pairs = [setting.partition("=") for setting in settings]
    for setting, (_, equal, _) in zip(settings, pairs, strict=True):
        if not equal:
            raise ValueError(f"--set {setting}: expected KEY=VALUE, such as temperature=0.8")
    return {key: value for key, _, value in pairs}
