"""What to do about a file, by reason code: one short request to whoever delivers, or to whoever takes in."""

from motionlib.params import Ingest

ADVICE: dict[str, str] = {
    "not_bvh": "open it in a text editor: another format under this suffix? export it again",
    "empty_file": "copy it again: it arrived empty",
    "too_large": "cut the take into shorter files",
    "bad_hierarchy": "export it again; the message names the line that breaks the skeleton",
    "too_many_joints": "export the body without props, cloth and crowd",
    "too_deep": "export it again: no body is nested so deep",
    "several_roots": "export each body into a file of its own",
    "no_channels": "export it with animation, not only the skeleton",
    "no_motion": "copy or export it again: the motion part is missing",
    "bad_frame_count": "export it again: its line `Frames:` is broken",
    "bad_frame_time": "export it again: its line `Frame Time:` is broken",
    "no_frames": "export it with a frame range",
    "frame_count_mismatch": "copy it again: it was probably cut off on the way",
    "bad_number": "export it again; the message names the line",
    "not_finite": "repair the frame in the tool that solved it, then export again",
    "unknown_format": "export it as BVH or GLB",
    "unreadable": "copy it again; if it stays so, send us the file",
    "bad_header": "copy or export it again: it promises more than it holds",
    "not_motion": "leave it out of the delivery, or put it outside the motion folders",
    "several_bodies": "export each body into a file of its own",
    "companion_missing": "add the file that the message names beside it",
    "took_too_long": "cut it into shorter takes, or raise ingest.seconds_per_file",
    "reader_crashed": "export it again; if it stays so, send us the file",
    "judging_failed": "send us the file: the fault is ours",
    "too_short": "leave it out, or lower ingest.min_seconds",
    "fps_doubtful": "state the true rate in the captions' column `fps`, or in a rig file",
    "units_doubtful": 'state the unit in a rig file: {"unit": 0.01} for centimetres',
    "not_humanoid": "only bodies with arms and legs are learned from; leave it out",
    "bones_stretch": "bake the motion onto a skeleton with fixed bones, then export",
    "bone_too_long": "check unit and props: state the unit in a rig file",
    "root_jumps": "cut the file where the body leaps, or solve it again",
    "duplicate": "nothing: the first of them was kept",
    "bad_frame": "export it again: a frame does not fit the skeleton",
    "bad_body_model": "download the body model again, or empty ingest.body_models",
    "scaled_joint": "bake scales into the bones (Blender: Apply Scale), then export",
    "markers_only": "solve a skeleton in your mocap software, then export BVH",
    "points_missing": "fill the gaps in your mocap software, then export",
    "bad_rig_file": "correct the key of the rig file that the message names",
    "not_mapped": "write a rig file (`motionlib rig FILE --write`) and name the joints",
    "sides_swapped": "name left and right in a rig file, or undo the mirror in the export",
    "upside_down": "check which way is up; state it in a rig file",
    "nothing_moves": "leave it out: it is a pose",
    "spikes": "clean the curves in the tool that solved it, then export again",
    "pose_jumps": "cut the file where the body leaps, or solve it again",
    "joint_frozen": "solve the limb again: its marker or sensor was lost",
    "jitter": "smooth the curves in the tool that solved it, or solve it again",
    "foot_skate": "lock the feet in the tool that solved it, or check the unit of the root",
    "gaps_filled": "nothing, or fill the gaps yourself",
    "calibration_cut": "nothing, or cut the pose off yourself",
    "held_cut": "nothing, or cut the held frames off yourself",
    "spikes_removed": "nothing, or clean the curves yourself",
    "frames_repeated": "look at it: frames were lost when it was recorded",
    "caption_contradicts": "correct the caption's side, or undo the mirror",
    "joint_translations_dropped": "nothing, or bake joint translations into rotations",
    "cut_at_jump": "nothing, or cut the file there yourself",
    "axes_turned": "nothing: it was turned so that y is up",
    "caption_missing": "add a row for it to captions.csv",
    "licence_missing": "add a LICENSE file, or the column `licence` to captions.csv",
    "no_root_translation": "export the root with its position channels",
    "rotations_from_positions": "deliver rotations too, if there are any: twist is lost",
    "fps_assumed": "state the rate in the captions' column `fps`",
    "body_assumed": "name the folder of your body models in ingest.body_models",
    "several_animations": "export each animation into a file of its own",
}

# Settings (of `ingest`, or with a dot of `ingest.judging`) that decide about a reason.
THRESHOLDS: dict[str, tuple[str, ...]] = {
    "took_too_long": ("seconds_per_file",),
    "too_short": ("min_seconds",),
    "fps_doubtful": ("max_fps", ".fall_low", ".fall_high", ".tempo_low", ".tempo_high", ".stride_low", ".pull"),
    "units_doubtful": (".root_low", ".root_high"),
    "spikes": (".spike_metres", ".spike_count", ".spike_share"),
    "spikes_removed": (".spike_metres", ".spike_count", ".spike_share"),
    "pose_jumps": (".pop_speed",),
    "root_jumps": (".leap_speed",),
    "cut_at_jump": (".leap_speed", ".pop_speed"),
    "joint_frozen": (".frozen_seconds",),
    "jitter": (".jitter_mm",),
    "foot_skate": (".skate",),
    "calibration_cut": (".pose_seconds",),
    "held_cut": (".pose_seconds",),
    "frames_repeated": (".held_share",),
    "floor_offset": (".floor",),
    "sinks": (".sink",),
    "floats": (".float_seconds",),
    "caption_contradicts": (".side_ratio", ".side_speed", ".side_turn"),
    "duplicate": (".duplicate_share", ".duplicate_points", ".duplicate_agreement", ".duplicate_place"),
    "mirrored_duplicate": (".duplicate_points", ".duplicate_agreement", ".duplicate_place"),
    "overlaps": (".duplicate_points", ".related_points", ".related_agreement", ".related_place"),
}


def thresholds(reason: str, settings: Ingest) -> dict[str, float]:
    """Settings that decide about a reason, by their name below `ingest`, with their values."""
    found = {}
    for name in THRESHOLDS.get(reason, ()):
        inner = name.startswith(".")
        value = getattr(settings.judging if inner else settings, name.lstrip("."), None)
        if value is not None:
            found["judging" + name if inner else name] = value
    return found


def advice(reason: str) -> str:
    """What to do about files with this reason; "" where nothing needs to be done."""
    return ADVICE.get(reason, "")
