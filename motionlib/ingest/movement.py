"""How a take moves, in seconds: at which speed and turning to which side, off the floor, low down.

Borders of speed as studios order their recordings: walk up to 2 m/s, jog 2 to 4, run from 4 (Motorica's shot list).
"""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating]

SPEEDS = ("idle", "walk", "jog", "run")
SPEED_BORDERS = (0.25, 2.0, 4.0)  # m/s between them; below the first one a body sways or shifts its weight
TURNS = ("left", "straight", "right")
TURN_BORDER = 30.0  # degrees/s; what straight walking sways stays below it when taken over WINDOW
WINDOW = 0.5  # s over which the way of the pelvis and the turn of the body are taken
OFF_FLOOR = 0.1  # m that both feet are above their lowest place
LOW_SHARE = 0.75  # of the leg's length; a pelvis below it belongs to a body that squats, kneels, sits or lies
PELVIS, HIPS, SHOULDERS = 0, (1, 2), (16, 17)  # canonical joints, left before right
LEG, FEET = (1, 4, 7), (7, 8, 10, 11)

# Names of what `movement` measures, with unit and meaning.
MOVEMENT: dict[str, tuple[str, str]] = {
    **{
        f"seconds_{speed}_{turn}": (
            "s",
            f"time at the speed of {speed}, {turn if turn == 'straight' else f'turning {turn}'}",
        )
        for speed in SPEEDS
        for turn in TURNS
    },
    "seconds_off_floor": ("s", f"time with both feet more than {OFF_FLOOR:g} m above their lowest place"),
    "seconds_low": ("s", f"time with the pelvis lower than {LOW_SHARE:g} of the leg's length"),
}


def movement(joints: FloatArray, fps: float) -> dict[str, float]:
    """Seconds by the names of MOVEMENT; the cells of speed and turn add up to the take's length.

    Args:
        joints: (T, 22, 3) metres, y up, canonical joints; T of at least 2.
        fps: Hz.
    """
    speed, turn = _rates(joints, fps)
    cells = np.zeros((len(SPEEDS), len(TURNS)))
    side = np.where(turn > TURN_BORDER, 0, np.where(turn < -TURN_BORDER, 2, 1))
    np.add.at(cells, (np.digitize(speed, SPEED_BORDERS), side), 1.0 / fps)
    named = {f"seconds_{name}_{to}": float(cells[i, k]) for i, name in enumerate(SPEEDS) for k, to in enumerate(TURNS)}
    feet = joints[:, list(FEET), 1].min(axis=1)
    floor = float(np.percentile(feet, 2))
    bones = np.linalg.norm(np.diff(joints[0, list(LEG)], axis=0), axis=1)
    low = joints[:, PELVIS, 1] - floor < LOW_SHARE * bones.sum()
    named["seconds_off_floor"] = float((feet - floor > OFF_FLOOR).sum() / fps)
    named["seconds_low"] = float(low.sum() / fps)
    return {name: round(seconds, 3) for name, seconds in named.items()}


def _rates(joints: FloatArray, fps: float) -> tuple[FloatArray, FloatArray]:
    """(T,) m/s along the floor and (T,) degrees/s to the left."""
    count = len(joints)
    reach = max(round(WINDOW * fps / 2), 1)
    before = np.maximum(np.arange(count) - reach, 0)
    after = np.minimum(np.arange(count) + reach, count - 1)
    seconds = (after - before) / fps
    place = joints[:, PELVIS][:, [0, 2]]
    speed = np.linalg.norm(place[after] - place[before], axis=1) / seconds
    left = joints[:, HIPS[0]] - joints[:, HIPS[1]] + joints[:, SHOULDERS[0]] - joints[:, SHOULDERS[1]]
    heading = np.unwrap(np.arctan2(-left[:, 2], left[:, 0]))
    return speed, np.degrees(heading[after] - heading[before]) / seconds
