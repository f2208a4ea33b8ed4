"""Rotations: hand-made cases, and round trips for any rotation."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from motionlib.body import rotations

ORDERS = ["".join(order) for order in permutations("XYZ")]
QUARTER = np.pi / 2
component = st.floats(-1, 1, allow_subnormal=False)
quats = (
    hnp.arrays(np.float64, (4,), elements=component)
    .filter(lambda q: np.linalg.norm(q) > 0.1)
    .map(lambda q: q / np.linalg.norm(q))
)
vectors = hnp.arrays(np.float64, (3,), elements=st.floats(-10, 10, allow_subnormal=False))


def same_rotation(a, b, atol=1e-9):
    np.testing.assert_allclose(np.abs((a * b).sum(-1)), 1.0, atol=atol)


def test_a_quarter_turn_about_y_takes_z_to_x():
    np.testing.assert_allclose(rotations.rotate(rotations.from_yaw(QUARTER), [0, 0, 1]), [1, 0, 0], atol=1e-15)


def test_bvh_channels_zyx_mean_first_x_then_y_then_z():
    quat = rotations.from_euler([QUARTER, 0.0, QUARTER], "ZYX")
    # x turns y up into z, which the turn about z leaves alone.
    np.testing.assert_allclose(rotations.rotate(quat, [0, 1, 0]), [0, 0, 1], atol=1e-15)


def test_one_channel_is_an_order_too():
    np.testing.assert_allclose(rotations.from_euler([np.pi], "Y"), [0, 0, 1, 0], atol=1e-15)


@pytest.mark.parametrize("order", ["XY", "XYW", ""])
def test_an_order_that_does_not_fit_is_refused(order):
    with pytest.raises(ValueError, match="order"):
        rotations.from_euler([0.0, 0.0, 0.0], order)


def test_euler_angles_need_three_different_axes():
    with pytest.raises(ValueError, match="permutation"):
        rotations.to_euler([1.0, 0, 0, 0], "XYX")


@given(a=quats, b=quats, v=vectors)
def test_a_product_rotates_by_the_right_one_first(a, b, v):
    twice = rotations.rotate(a, rotations.rotate(b, v))
    np.testing.assert_allclose(rotations.rotate(rotations.multiply(a, b), v), twice, atol=1e-12)


@given(q=quats, v=vectors)
def test_matrix_and_quaternion_rotate_alike(q, v):
    np.testing.assert_allclose(rotations.to_matrix(q) @ v, rotations.rotate(q, v), atol=1e-12)
    np.testing.assert_allclose(rotations.rotate(rotations.inverse(q), rotations.rotate(q, v)), v, atol=1e-12)


@given(q=quats)
def test_a_matrix_gives_its_quaternion_back(q):
    same_rotation(rotations.from_matrix(rotations.to_matrix(q)), q)


@given(q=quats)
def test_six_numbers_are_two_columns_and_give_the_matrix_back(q):
    matrix, six = rotations.to_matrix(q), rotations.to_rot6d(q)
    np.testing.assert_allclose(six, np.concatenate([matrix[:, 0], matrix[:, 1]]), atol=1e-12)
    np.testing.assert_allclose(rotations.rot6d_to_matrix(3 * six), matrix, atol=1e-12)


@pytest.mark.parametrize("order", ORDERS)
@given(q=quats)
def test_euler_angles_of_every_order_give_the_rotation_back(order, q):
    angles = rotations.to_euler(q, order)
    assert abs(angles[1]) <= QUARTER
    same_rotation(rotations.from_euler(angles, order), q)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("middle", [QUARTER, -QUARTER])
def test_gimbal_lock_gives_the_rotation_back(order, middle):
    quat = rotations.from_euler([0.4, middle, 0.3], order)
    angles = rotations.to_euler(quat, order)
    assert angles[2] == 0.0
    same_rotation(rotations.from_euler(angles, order), quat)


def test_unwrapped_angles_do_not_jump_and_mean_the_same():
    turning = np.stack([np.linspace(0, 9, 100), np.linspace(0, 5, 100), np.linspace(0, -7, 100)], axis=-1)
    quat = rotations.from_euler(turning, "ZXY")
    angles = rotations.to_euler(quat, "ZXY")
    assert np.abs(np.diff(angles, axis=0)).max() > 3
    unwrapped = rotations.unwrap_euler(angles)
    np.testing.assert_allclose(unwrapped, turning, atol=1e-9)


@given(u=vectors, v=vectors)
def test_the_shortest_rotation_arrives(u, v):
    a, b = (w / max(np.linalg.norm(w), 1e-300) for w in (u, v))
    if min(np.linalg.norm(u), np.linalg.norm(v)) < 0.1 or a @ b < -0.999:
        return
    quat = rotations.shortest(u, v)
    assert quat[0] >= 0
    np.testing.assert_allclose(rotations.rotate(quat, a), b, atol=1e-9)


def test_opposed_vectors_have_no_shortest_rotation():
    assert np.isnan(rotations.shortest([0, 1, 0], [0, -2, 0])).all()


def test_slerp_halves_the_angle_on_the_shorter_way():
    start, end = rotations.from_yaw(0.0), -rotations.from_yaw(1.0)
    same_rotation(rotations.slerp(start, end, 0.5), rotations.from_yaw(0.5))
    np.testing.assert_array_equal(rotations.slerp(start, end, 0.0), start)
    np.testing.assert_array_equal(rotations.slerp(start, start, 0.3), start)


@given(st.lists(st.tuples(st.sampled_from("XYZ"), st.floats(-7, 7)), min_size=0, max_size=5))
def test_turns_about_any_axes_in_any_number_multiply_in_order(turns):
    order = "".join(axis for axis, _ in turns)
    whole = np.array([1.0, 0, 0, 0])
    for axis, angle in turns:
        one = np.array([np.cos(angle / 2), 0, 0, 0])
        one[1 + "XYZ".index(axis)] = np.sin(angle / 2)
        whole = rotations.multiply(whole, one)
    np.testing.assert_allclose(rotations.from_euler([angle for _, angle in turns], order), whole, atol=1e-12)


def test_half_a_turn_and_a_whole_one_are_exact_to_rounding():
    angles = np.array([[np.pi], [2 * np.pi], [-np.pi], [1e4 * np.pi]])
    quat = rotations.from_euler(angles, "X")
    np.testing.assert_allclose(quat[:, 0], [0, -1, 0, 1], atol=1e-12)
    np.testing.assert_allclose(quat[:, 1], [1, 0, -1, 0], atol=1e-12)
