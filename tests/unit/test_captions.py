"""Caption files: what they say, and what is reported when a line is broken."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlib.artifacts import Caption
from motionlib.ingest.captions import COLUMNS, Label, read_table, read_text, resolve


def test_humanml3d_lines_give_text_and_span():
    data = b"a man walks.#a/DET man/NOUN walk/VERB#0.0#0.0\nhe turns left#he/PRON#1.5#4.25\n"
    label, problems = read_text(data, "M01.txt")
    assert problems == ()
    assert label.captions == (Caption("a man walks.", 0, 0, "text"), Caption("he turns left", 1.5, 4.25, "text"))


def test_tokens_of_a_humanml3d_line_and_of_a_table_are_kept_as_they_are_given():
    (caption,) = read_text(b"He turns left!#he/PRON turn/VERB  left/ADV !/ /PUNCT x#0.0#0.0\n", "x.txt")[0].captions
    assert caption.tokens == "he/PRON turn/VERB left/ADV"
    table = read_table(b"file,text,tokens\na.bvh,a man walks,a/DET man/NOUN walk/VERB\n", "t.csv")
    assert table.labels["a.bvh"].captions[0].tokens == "a/DET man/NOUN walk/VERB"


def test_a_sentence_with_and_without_tokens_is_one_caption():
    told = Caption("a man walks", tokens="a/DET man/NOUN walk/VERB")
    assert (Label((told,)) + Label((Caption("a man walks"),))).captions == (told,)


def test_nan_in_a_humanml3d_line_means_the_whole_clip():
    label, problems = read_text(b"a man walks#a/DET#nan#nan\n", "x.txt")
    assert problems == ()
    assert label.captions == (Caption("a man walks", 0, 0, "text"),)


def test_a_plain_sentence_is_a_caption_too():
    assert read_text("\ufeffsomeone  waves\r\n\r\n".encode(), "x.txt")[0].captions == (
        Caption("someone waves", source="text"),
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("#a#0#0", "empty"),
        ("walks#0#0", "3 fields"),
        ("walks##2#1", "empty or negative"),
        ("walks##-1#2", "negative"),
        ("walks##0#inf", "negative"),
        ("walks##zero#1", "not in seconds"),
    ],
)
def test_a_broken_line_is_reported_by_number_and_the_others_are_kept(line: str, said: str):
    label, problems = read_text(f"a first#x#0#0\n{line}\nlast#x#0#0\n".encode(), "deep/x.txt")
    assert [caption.text for caption in label.captions] == ["a first", "last"]
    assert len(problems) == 1
    assert problems[0].startswith("deep/x.txt, line 2: ")
    assert said in problems[0]


def test_a_table_is_meant_relative_to_its_own_folder():
    data = b"file,text\n01/a.bvh,walks\n../b.bvh,runs\n./c.bvh,jumps\n01\\d.bvh,sits\n"
    table = read_table(data, "cmu/captions.csv")
    assert table.problems == ()
    assert list(table.labels) == ["cmu/01/a.bvh", "b.bvh", "cmu/c.bvh", "cmu/01/d.bvh"]


def test_all_columns_are_read_and_rows_of_one_file_join():
    data = (
        ",".join(COLUMNS) + '\na.bvh,"he walks, then stops",0.5,2,humanml3d,cmu01,walk,sad,train,MIT,60\n'
        "a.bvh,a walk,,,lab,cmu01,,,,CMU-mocap\na.bvh,a walk,,,lab,,,,,MIT\n"
    )
    label = read_table(data.encode(), "captions.csv").labels["a.bvh"]
    assert label == Label(
        captions=(Caption("he walks, then stops", 0.5, 2.0, "humanml3d", "train"), Caption("a walk", source="lab")),
        subject="cmu01",
        action="walk",
        style="sad",
        licences=("MIT", "CMU-mocap"),
        fps=60.0,
    )


def test_json_lines_say_the_same_as_a_table():
    rows = [{"file": "a.bvh", "text": "walks", "from_s": 1, "to_s": 2.5}, {"file": "b.bvh", "licence": "CC0-1.0"}]
    table = read_table("\n".join(json.dumps(row) for row in rows).encode(), "captions.jsonl")
    assert table.problems == ()
    assert table.labels["a.bvh"].captions == (Caption("walks", 1.0, 2.5),)
    assert table.labels["b.bvh"] == Label(licences=("CC0-1.0",))


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("c.csv", "text\nwalks\n", "line 1: no column `file`"),
        ("c.csv", "file,text\na,x\n/etc/passwd,y\n", "line 3: file '/etc/passwd'"),
        ("c.csv", "file,text\n../a.bvh,y\n", "line 2: file '../a.bvh' lies outside"),
        ("c.csv", "file,text\n,y\n", "line 2: file ''"),
        ("c.csv", "file,text\nC:\\a.bvh,y\n", "line 2: file 'C:"),
        ("c.csv", "file,text,from_s,to_s\na,y,3,2\n", "line 2: span"),
        ("c.csv", "file,text,split\na,y,training\n", "line 2: split 'training'"),
        ("c.csv", "file,fps\na,0\n", "line 2: fps 0"),
        ("c.csv", "file,fps\na,nan\n", "line 2: fps nan"),
        ("c.csv", "file,fps\na,sixty\n", "line 2: fps 'sixty'"),
        ("c.jsonl", '{"file": "a"}\n{"file": \n', "line 2: not JSON"),
        ("c.jsonl", "[1, 2]\n", "line 1: not a JSON object"),
        ("c.csv", 'file,text\na,"' + "x" * 200_000 + '"\n', "field larger"),
    ],
)
def test_what_is_wrong_in_a_table_is_reported_by_line(name: str, data: str, said: str):
    problems = read_table(data.encode(), name).problems
    assert len(problems) == 1
    assert said in problems[0]
    assert problems[0].startswith(f"{name}, line ")


@given(folder=st.sampled_from(["", "a", "a/b"]), file=st.text(max_size=20))
def test_no_name_leads_out_of_the_delivery(folder: str, file: str):
    try:
        path = resolve(folder, file)
    except ValueError:
        return
    assert not path.startswith("/")
    assert ".." not in path.split("/")


@given(data=st.binary(max_size=300), name=st.sampled_from(["c.csv", "c.jsonl", "c.txt"]))
def test_any_bytes_give_captions_or_problems_but_never_a_crash(data: bytes, name: str):
    if name.endswith(".txt"):
        read_text(data, name)
    else:
        read_table(b"file,text\n" + data, name)
