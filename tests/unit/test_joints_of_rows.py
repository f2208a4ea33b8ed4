"""Rows of features as a table of joints, in the two published arrangements."""

import pytest
import torch

from motionlib.tokenizers.joints import GAP, JointTable, body_of, skeletal_columns, table_columns

ARRANGEMENTS = [skeletal_columns, table_columns]


def test_the_root_has_seven_numbers_a_joint_twelve_and_a_foot_its_contact_too():
    columns = skeletal_columns(263)
    assert [len(each) for each in columns] == [7] + [12] * 6 + [13, 13] + [12] + [13, 13] + [12] * 10
    assert columns[0] == [0, 1, 2, 3, 193, 194, 195]
    assert columns[1] == [4, 5, 6, 67, 68, 69, 70, 71, 72, 196, 197, 198]
    assert [columns[foot][-1] for foot in (7, 10, 8, 11)] == [259, 260, 261, 262]


def test_in_a_table_every_joint_has_twelve_and_the_root_a_gap():
    columns = table_columns(263)
    assert {len(each) for each in columns} == {12}
    assert columns[0] == [0, 1, 2, 3, 259, 260, 261, 262, GAP, 193, 194, 195]
    assert columns[21] == [64, 65, 66, 187, 188, 189, 190, 191, 192, 256, 257, 258]


@pytest.mark.parametrize("columns", ARRANGEMENTS)
@pytest.mark.parametrize(("width", "joints"), [(263, 22), (251, 21)])
def test_every_number_has_one_place_and_comes_back(columns, width, joints):
    table = JointTable(columns(width), width)
    rows = torch.arange(1.0, 2 * width + 1).reshape(1, 2, width)
    split = table.split(rows)
    assert split.shape == (1, 2, joints, 13 if columns is skeletal_columns else 12)
    assert torch.equal(table.join(split), rows)
    assert (split != 0).sum() == 2 * width


def test_feet_are_those_of_the_skeleton():
    assert body_of(263).feet == (7, 10, 8, 11)
    assert body_of(251).feet == (19, 20, 14, 15)


def test_another_width_is_refused():
    with pytest.raises(ValueError, match=r"rows of 275 features are of no known skeleton; known widths: \[251, 263\]"):
        body_of(275)
