"""Published data sets as deliveries: each motion once, with its captions and its split."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from motionlib.artifacts import Caption
from motionlib.ingest.captions import Label
from motionlib.ingest.containers import Member
from motionlib.ingest.deliveries import Delivery, open_delivery
from motionlib.ingest.layouts import find_layout, named_in, split_files, texts_of
from motionlib.normalize.split import strictest

HUMANML3D = {
    "new_joints/000001.npy": "",
    "new_joints/000002.npy": "",
    "new_joints/M000001.npy": "",
    "new_joints/M000009.npy": "",
    "new_joint_vecs/000001.npy": "",
    "new_joint_vecs/000003.npy": "",
    "joints/000001.npy": "",
    "texts/000001.txt": "a man walks#a/DET man/NOUN walk/VERB#0.0#0.0\nhe turns#he/PRON turn/VERB#1.0#2.5\n",
    "texts/000003.txt": "he jumps#he/PRON jump/VERB#nan#nan\n",
    "texts/M000001.txt": "a man walks#a/DET man/NOUN walk/VERB#0.0#0.0\n",
    "Mean.npy": "",
    "Std.npy": "",
    "train.txt": "000001\nM000001\n000002\n000404\n",
    "val.txt": "000003\n",
    "test.txt": "000002\n",
    "train_val.txt": "000001\n000003\n000002\n",
    "index.csv": "source_path,start_frame,end_frame,new_name\n./pose_data/a.npy,0,1,000001.npy\n",
}
CLIPS = ["new_joint_vecs/000003.npy", "new_joints/000001.npy", "new_joints/000002.npy", "new_joints/M000009.npy"]


@pytest.fixture(params=["", "HumanML3D/", "deep/er/KIT-ML/"])
def root(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def delivery(root: str, tmp_path: Path) -> Delivery:
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for name, text in HUMANML3D.items():
            archive.writestr(root + name, text)
    return open_delivery(tmp_path / "set.zip")


def test_each_motion_is_listed_once_and_the_rest_is_counted(delivery: Delivery, root: str):
    assert [member.name for member in delivery.motions] == [root + name for name in CLIPS]
    assert delivery.others == {
        ".npy (mirrored by others: mirrored here in training)": 1,
        ".npy (statistics)": 2,
        ".npy (the same motion in another form)": 2,
        ".txt": 1,
    }


def test_texts_give_captions_and_lists_give_the_strictest_split(delivery: Delivery, root: str):
    assert delivery.labels == {
        f"{root}new_joints/000001.npy": Label(
            (Caption("a man walks", 0, 0, "text", "train"), Caption("he turns", 1.0, 2.5, "text", "train"))
        ),
        f"{root}new_joint_vecs/000003.npy": Label((Caption("he jumps", 0, 0, "text", "val"),)),
        f"{root}new_joints/000002.npy": Label((Caption("", 0, 0, "split", "test"),)),
    }


def test_names_without_a_motion_are_told_and_mirrored_ones_are_not(delivery: Delivery, root: str):
    assert delivery.problems == (f"{root}train.txt: 1 of 4 names have no motion in the delivery",)


def members(*names: str) -> list[Member]:
    return [Member(name, 1) for name in names]


def test_a_folder_of_joints_alone_holds_motions_like_any_other():
    layout = find_layout(members("joints/a.npy", "Mean.npy", "new/M1.npy", "new/1.npy"), [])
    assert not layout.left_out


def test_an_amass_folder_tells_who_moves_and_which_files_are_bodies():
    names = ("CMU/01/01_01_poses.npz", "CMU/01/shape.npz", "SFU/0005/0005_a_stageii.npz", "SFU/0005/male_stagei.npz")
    layout = find_layout(members(*names, "other/shape.npz"), names)
    assert sorted(layout.left_out) == ["CMU/01/shape.npz", "SFU/0005/male_stagei.npz"]
    assert layout.subjects == {"CMU/01/01_01_poses.npz": "CMU/01", "SFU/0005/0005_a_stageii.npz": "SFU/0005"}
    assert layout.counts == {".npz (a body without motion)": 2}


@pytest.mark.parametrize(
    ("text", "motion"),
    [
        ("a/x.txt", "a/x.bvh"),
        ("a/x.TXT", "a/x.bvh"),
        ("texts/x.txt", "x.bvh"),
        ("texts/x.txt", "bvh/x.bvh"),
        ("captions/01/x.txt", "bvh/01/x.bvh"),
        ("set/Texts/x.txt", "set/bvh/x.bvh"),
        ("texts/set/x.txt", "set/x.bvh"),
    ],
)
def test_a_text_speaks_of_the_motion_of_its_stem(text: str, motion: str):
    assert texts_of([motion, "y.bvh"], [text]) == {text: [motion]}


@pytest.mark.parametrize(
    ("text", "motion"), [("b/x.txt", "a/x.bvh"), ("texts/x.txt", "a/b/x.bvh"), ("texts/x.md", "x.bvh")]
)
def test_a_text_elsewhere_does_not(text: str, motion: str):
    assert texts_of([motion], [text]) == {}


def test_the_text_beside_a_motion_comes_before_a_shelved_one():
    assert texts_of(["a/x.bvh"], ["a/x.txt", "texts/x.txt", "a/texts/x.txt"]) == {"a/x.txt": ["a/x.bvh"]}


def test_a_text_called_train_is_a_caption_where_a_motion_is_called_so():
    assert split_files(["train.txt", "a/val.txt"], {"train.txt": ["train.bvh"]}) == {"a/val.txt": "val"}


def test_lists_name_stems_paths_or_files_below_their_folder():
    motions = ["d/bvh/01/x.bvh", "d/y.bvh", "e/z.bvh"]
    ids = ["x", "y.bvh", "d/y.bvh", "bvh/01/x", "z"]
    assert named_in("d/train.txt", ids, motions) == {"x": motions[0], "bvh/01/x": motions[0], "d/y.bvh": motions[1]}
    assert named_in("train.txt", ["x", "z"], motions) == {"x": motions[0], "z": motions[2]}


def test_a_text_that_lists_nothing_stays_among_the_others(tmp_path: Path):
    (tmp_path / "x.bvh").write_text("x")
    (tmp_path / "train.txt").write_text("how we trained our actors\n")
    found = open_delivery(tmp_path)
    assert (found.others, found.problems, found.labels) == ({".txt": 1}, (), {})


def test_a_split_without_words_in_a_table_counts_too(tmp_path: Path):
    (tmp_path / "x.bvh").write_text("x")
    (tmp_path / "y.bvh").write_text("y")
    (tmp_path / "y.txt").write_text("he runs\n")
    (tmp_path / "captions.csv").write_text("file,split\nx.bvh,val\ny.bvh,test\n")
    labels = open_delivery(tmp_path).labels
    assert {name: strictest([c.split for c in label.captions]) for name, label in labels.items()} == {
        "x.bvh": "val",
        "y.bvh": "test",
    }
    assert [caption.text for caption in labels["y.bvh"].captions] == ["he runs"]


def test_a_real_folder_is_read_as_the_motions_it_holds(real_mocap: Path, tmp_path: Path):
    from motionlib.ingest.judge import judge
    from motionlib.ingest.source import Source
    from motionlib.ingest.survey import DEFAULTS

    reference = real_mocap / "reference" / "humanml3d"
    names = sorted(path.relative_to(reference).as_posix() for path in reference.rglob("*.npy"))
    with zipfile.ZipFile(tmp_path / "humanml3d.zip", "w") as archive:
        for name in names:
            archive.write(reference / name, name)
        for split in ("train", "val", "test"):
            archive.write(real_mocap / "captions" / "humanml3d" / f"{split}.txt", f"{split}.txt")
    delivery = open_delivery(tmp_path / "humanml3d.zip")
    verdicts = {}
    for info, label, source in delivery.read():
        assert isinstance(source, Source)
        assert np.load(io.BytesIO(source.data)).shape[1:] in {(22, 3), (263,), (52, 3)}
        verdicts[info.id] = judge(source, info, label, DEFAULTS).verdict
    assert len(verdicts) == 9  # 7 joints, one of them also 52, two features alone
    assert set(verdicts.values()) <= {"accept", "repair"}
    assert strictest([caption.split for caption in delivery.labels["new_joints/012314.npy"].captions]) != ""
