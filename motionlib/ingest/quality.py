"""What can be wrong with a file of motion, by code."""

# Reasons to set a file aside.
QUARANTINE = {
    "not_bvh": "The file does not begin with HIERARCHY, so it is not BVH.",
    "empty_file": "The file holds no bytes.",
    "too_large": "The file is larger than the reader takes.",
    "bad_hierarchy": "The skeleton part breaks the grammar of its format.",
    "too_many_joints": "The skeleton has more joints than the reader takes.",
    "too_deep": "The skeleton is nested deeper than the reader takes.",
    "several_roots": "The file holds more than one root, hence more than one body.",
    "no_channels": "No joint has a channel, so nothing moves.",
    "no_motion": "The file ends before its motion part.",
    "bad_frame_count": "The line `Frames:` is missing or holds no whole number.",
    "bad_frame_time": "The line `Frame Time:` is missing or holds no positive number.",
    "no_frames": "The motion part holds no frame.",
    "frame_count_mismatch": "The file holds another number of frames than it declares.",
    "bad_frame": "A frame does not name the bones that its skeleton and the frames before it have.",
    "bad_number": "A value of the motion part is not a number.",
    "not_finite": "A value is NaN, infinite, or too large to be a pose.",
    "unknown_format": "No reader is known for this kind of file.",
    "unreadable": "The bytes of the file could not be read.",
    "bad_header": "The header of a binary file breaks its format, or promises what the file does not hold.",
    "not_motion": "The file is of a known kind but holds no body in motion (statistics, a body model, a still scene).",
    "several_bodies": "The file holds more than one body; give each its own file.",
    "bad_body_model": "A body-model file in `ingest.body_models` is there but cannot be used.",
    "companion_missing": "A file that this one needs beside it is not in the delivery.",
    "scaled_joint": "A joint is scaled unevenly or changes its size, which a body of bones cannot express.",
    "markers_only": "The file holds markers but not the joint centres of a body; solve a skeleton first.",
    "points_missing": "A joint was unseen for longer than can be bridged.",
    "took_too_long": "Reading and judging the file took longer than `ingest.seconds_per_file`.",
    "judging_failed": "Judging the file failed for a reason of our own; the message is for a bug report.",
    "reader_crashed": "The process that read the file died of it.",
    "too_short": "The take is shorter than `ingest.min_seconds`.",
    "bad_rig_file": "The rig file beside it breaks its format.",
    "fps_doubtful": "The frame rate is below 5 Hz or above `ingest.max_fps`, or physics says that it is another.",
    "units_doubtful": "No unit of length makes this skeleton an adult's, or the root has another unit than the bones.",
    "not_mapped": "The skeleton is not recognised as a body; a rig file can say which joint is which.",
    "sides_swapped": "The toes lie behind the shins: left and right are swapped, or the body is mirrored.",
    "upside_down": "The head is below the hips nearly all the time.",
    "nothing_moves": "One pose throughout.",
    "spikes": "Too many frames in which a joint is elsewhere and comes back.",
    "pose_jumps": "A joint leaps between frames, and no long piece is free of leaps.",
    "joint_frozen": "An elbow or a knee does not bend at all for a while in which the body moves.",
    "jitter": "The joints tremble from frame to frame.",
    "foot_skate": "What stands on the floor slides over it most of the time.",
    "not_humanoid": "Too few joints for a body with arms and legs.",
    "bones_stretch": "Bones change their length by more than a skeleton can express.",
    "bone_too_long": "A bone is longer than any of a human body.",
    "duplicate": "Another take of the library, which comes first, holds the same motion.",
    "root_jumps": "The root leaps between frames, and no long piece is free of leaps.",
}
# Reasons to take a file in after a repair that is stated.
REPAIR = {
    "joint_translations_dropped": "Joints besides the root moved in their parent by over 1 mm; that was left out.",
    "cut_at_jump": "The root or a joint leaps between two frames; the longest piece without a leap was kept.",
    "gaps_filled": "A joint was unseen for a moment; the gap was bridged in a straight line.",
    "calibration_cut": "A T-pose or a rest pose at an end of the take was cut off.",
    "held_cut": "Frames at an end of the take that repeat one pose were cut off.",
    "spikes_removed": "Single frames in which a joint is elsewhere were interpolated.",
    "axes_turned": "The data were not y up and were turned so that they are.",
}
# Things worth knowing that change no verdict.
REMARK = {
    "caption_missing": "No caption speaks of this file.",
    "licence_missing": "Neither the captions nor a LICENSE file say under which terms the file may be used.",
    "carrier_root_removed": "A root with a single, movable child was merged into that child.",
    "no_root_translation": "The root has no position channels: the body turns on the spot.",
    "rotations_from_positions": "The file holds joint positions only: rotations are the shortest ones, without twist.",
    "fps_assumed": "The file does not say its frame rate; the one that its kind usually has was taken.",
    "skeleton_assumed": "The only .asf of the folder was taken, though the .amc is not named after it.",
    "bones_without_values": "The motion file leaves out bones of its skeleton: they keep their rest rotation.",
    "body_assumed": "The body's measures come from published averages, not from a body model of this person.",
    "fps_stated": "The captions state another frame rate than the file; theirs was taken.",
    "other_gender": "No body model of the stated gender is there; another one's measures were taken.",
    "betas_cut": "The file describes the body with more numbers than the body model knows; the rest were left out.",
    "frame_rate_rounded": "The frame time was printed with few digits and stands for a common frame rate.",
    "names_made_unique": "Several joints shared a name; later ones carry a number.",
    "overlaps": "Another take holds a part of the same motion, or all of it on another body; both are on one side.",
    "mirrored_duplicate": "Another take holds the same motion in a mirror; both are on one side of a split.",
    "several_animations": "The file holds several animations; the longest was taken. Give each a file of its own.",
    "keys_resampled": "Key frames lay apart or unevenly; the curves between them were read at a common frame rate.",
    "parts_left_out": "Moving parts that are not joints of the body (props, controls, cameras, markers) were left out.",
    "caption_contradicts": "A caption names one side, and clearly the other one moves.",
    "rotations_flip": "A joint's own rotation turns by over 90 degrees in one frame, though no joint leaps.",
    "frames_repeated": "Frames repeat the one before while the take goes on, as after a loss of data.",
    "floor_offset": "The feet do not stand at the height 0 of the file; the floor is found from the feet.",
    "sinks": "A joint goes below the floor that the feet stand on: a fault, or a way down from it.",
    "floats": "The body is off its lowest level for longer than a jump: a fault, or it sits, climbs or hangs.",
}
REASONS: dict[str, str] = QUARANTINE | REPAIR | REMARK


class BadMotionError(ValueError):
    """A file that cannot be read as motion.

    Attributes:
        reason: A key of REASONS.
    """

    def __init__(self, reason: str, message: str) -> None:
        if reason not in REASONS:
            raise KeyError(reason)
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[type["BadMotionError"], tuple[str, str]]:
        return BadMotionError, (self.reason, str(self))
