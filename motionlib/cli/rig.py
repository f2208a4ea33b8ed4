"""The command that shows how a file's skeleton is understood."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from motionlib.cli.common import answer, existing, json_option, output, say_no

if TYPE_CHECKING:
    from motionlib.artifacts import Clip
    from motionlib.rig.mapping import Mapping

SHOWN = 16  # extra joints named for a person


@dataclass(frozen=True, eq=False)
class _Seen:
    """A file's skeleton: what it is made of, its clip in metres, its mapping or why there is none."""

    facts: dict[str, Any]
    clip: "Clip | None"
    mapping: "Mapping | None"


@click.command(epilog="Example: motionlib rig take.bvh --picture rig.png --write take.rig.json")
@click.argument("source", type=existing())
@click.option("--picture", type=output(), help="Draw the mapping over the skeleton, as PNG.")
@click.option(
    "--write", type=output(), help="Write what was found as a rig file to edit; it is read beside the motion."
)
@json_option
def rig(source: Path, picture: Path | None, write: Path | None, as_json: bool) -> None:
    """Show how a file's skeleton is understood: unit, up, facing, the 22 canonical joints and how sure they are.

    A rig file beside the motion, `<name>.rig.json` or `rig.json`, goes before what is found. Exit code 1 if the
    skeleton is not recognised as a body.
    """
    seen = _look(source)
    if write is not None:
        write.write_text(_override(seen), encoding="utf-8")
    if picture is not None and seen.clip is not None and seen.mapping is not None:
        from motionlib.rig.picture import picture as draw
        from motionlib.rig.picture import telling_pose

        picture.write_bytes(draw(seen.clip.skeleton, seen.mapping, telling_pose(seen.clip, seen.mapping)))
    answer(seen.facts, as_json, _text(source, seen))
    if seen.mapping is None:
        say_no()


def _look(path: Path) -> _Seen:
    from motionlib.cli.files import clip_of, read_file
    from motionlib.rig.mapping import UnmappedSkeletonError, map_clip

    read = read_file(path)
    motion, rig_text, unit, up = read
    facts: dict[str, Any] = {
        "path": str(path),
        "joints": list(motion.skeleton.names),
        "frames": len(motion.root_pos),
        "fps": motion.fps,
        "unit": unit.unit,
        "unit_why": unit.why,
        "up": up.up,
        "up_why": up.why,
        "rig_file": bool(rig_text),
        "mapping": None,
    }
    if unit.unit is None:
        return _Seen(facts | {"problem": f"the unit of length is unknown; {unit.why}"}, None, None)
    clip = clip_of(path, read)
    try:
        mapping = map_clip(clip)
    except UnmappedSkeletonError as error:
        return _Seen(facts | {"problem": str(error)}, clip, None)
    return _Seen(facts | _mapped(clip, mapping), clip, mapping)


def _mapped(clip: "Clip", mapping: "Mapping") -> dict[str, Any]:
    from motionlib.body.skeleton import CANONICAL_NAMES
    from motionlib.rig.back import source_rig
    from motionlib.rig.canonical import canonical_joints
    from motionlib.rig.geometry import find_facing
    from motionlib.rig.picture import place_name

    joints = [
        {
            "joint": name,
            "source": place_name(clip.skeleton, mapping, i),
            "confidence": float(mapping.confidence[i]),
            "evidence": list(mapping.evidence[i]),
        }
        for i, name in enumerate(CANONICAL_NAMES)
    ]
    posed = source_rig(clip).alignment.posed
    return {
        "mapping": joints,
        "confidence": mapping.overall,
        "extra": list(mapping.extra),
        "facing": find_facing(canonical_joints(clip, clip.fps)),
        "rest_pose": "a person's" if posed else "no person's; twist is found from the take",
    }


def _override(seen: _Seen) -> str:
    """A rig file that says what was found, to be edited."""
    from motionlib.body.skeleton import CANONICAL_NAMES
    from motionlib.rig.override import Override

    places: dict[str, Any] = {}
    if seen.clip is not None and seen.mapping is not None:
        names, mapping = seen.clip.skeleton.names, seen.mapping
        for i, name in enumerate(CANONICAL_NAMES):
            first, second, share = names[mapping.first[i]], names[mapping.second[i]], round(float(mapping.share[i]), 6)
            places[name] = first if share == 0.0 or first == second else (first, second, share)
    return Override(joints=places, unit=seen.facts["unit"], up=seen.facts["up"]).text()


def _text(path: Path, seen: _Seen) -> str:
    facts = seen.facts
    unit = "unknown" if facts["unit"] is None else f"{facts['unit']:.6g} m"
    lines = [
        f"{path}: {len(facts['joints'])} joints, {facts['frames']} frames at {facts['fps']:g} Hz",
        f"unit    {unit} ({facts['unit_why']})",
        f"up      {facts['up']} ({facts['up_why']})",
    ]
    if seen.mapping is None:
        return "\n".join(
            [*lines, f"joints  {', '.join(facts['joints'])}", f"not recognised as a body: {facts['problem']}"]
        )
    lines += [f"facing  {facts['facing']}", f"rest    {facts['rest_pose']}", ""]
    width = max(len(row["source"]) for row in facts["mapping"])
    lines += [
        f"{row['joint']:<15} {row['source']:<{width}}  {row['confidence']:.2f}  {', '.join(row['evidence'])}"
        for row in facts["mapping"]
    ]
    extra = ", ".join(facts["extra"][:SHOWN]) or "none"
    if len(facts["extra"]) > SHOWN:
        extra += f" and {len(facts['extra']) - SHOWN} more, which --json lists"
    return "\n".join([*lines, "", f"extra joints, kept beside: {extra}", f"confidence {facts['confidence']:.2f}"])
