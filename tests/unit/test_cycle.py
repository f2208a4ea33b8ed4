"""Text to motion to text: what is told of generated motions is held against their prompts."""

import builtins
from collections.abc import Sequence

import numpy as np
import pytest
from tiny_bundle import tiny_bundle

from motionlib.artifacts import FeatureClip, FeatureSet, Item, TextTable
from motionlib.evaluation.bertscore import Score
from motionlib.evaluation.cycle import Cycle, Teller, measured, written
from motionlib.evaluation.embedded import Embedded
from motionlib.evaluation.guo import Guo, GuoConfig
from motionlib.evaluation.scores import Protocol
from motionlib.promotion.bundle import Bundle
from motionlib.promotion.telling import DEFAULT_BEAMS, best_of, captions, teller
from motionlib.text import describe, encoder

PROTOCOL = Protocol(repeats=2, pool=4, resamples=50, seed=1)
PROMPTS = ["a person walks slowly", "someone jumps up high", "a person turns to the left"]
HASHED = encoder("hash:16", 8)
SIZES = {"movement_width": 8, "movement": 8, "motion_width": 8, "text_width": 8, "embedding": 6}


def read(texts: Sequence[str]) -> TextTable:
    return TextTable(list(texts), *HASHED.encode(texts), describe(HASHED))


@pytest.fixture(scope="module")
def test_split() -> FeatureSet:
    """Three clips of 24 rows; the first has two captions."""
    rows = np.random.default_rng(0).normal(size=(72, 263)).astype(np.float32)
    clips = [FeatureClip(f"c{i}", 24 * i, 24, "test", False, "d", "", "", "", "") for i in range(3)]
    spans = [(0, 0), (0, 1), (1, 1), (2, 2)]
    items = [Item(f"c{clip}", 0, 24, PROMPTS[text], text, "test", "made") for clip, text in spans]
    return FeatureSet(rows, clips, items, np.zeros(263, np.float32), np.ones(263, np.float32), 20.0, "compat")


@pytest.fixture(scope="module")
def judge() -> Guo:
    return Guo(GuoConfig(**SIZES), np.zeros(263, np.float32), np.ones(263, np.float32), 16).eval()


def judged_by(judge, features, tell, bert=None, others=()):
    """Cycle of motions that are told as `tell` says, of the captions of each case."""
    table = read(PROMPTS)
    test = Embedded.of(judge, features, table, "test")
    prompts = [PROMPTS[caption] for _, caption in test.pairs.cases]
    motions = [np.zeros((8, 263), np.float32)] * len(prompts)
    someone = Teller("t" * 64, "someone", {"width": 4}, lambda _: tell(prompts), lambda _, texts: [2.0] * len(texts))
    models = {"guo": judge} | dict.fromkeys(others, judge)
    return measured(Cycle(someone, read, bert), models, "guo", test, table, motions, motions, PROTOCOL)


def test_words_that_come_back_as_they_were_are_perfect_and_no_distance_away(judge, test_split):
    found = judged_by(judge, test_split, lambda prompts: prompts)
    generated = found.numbers["generated"]
    assert generated["distance"]["mean"] == pytest.approx(0.0, abs=1e-5)
    assert generated["raw"]["bleu"][0] == pytest.approx(1.0)
    assert generated["raw"]["rouge_l"]["mean"] == pytest.approx(1.0)
    assert generated["nats_per_word"]["mean"] == 2.0
    assert found.numbers["cases"] == 4
    assert found.numbers["bert"] == {"left_out": "evaluate.bert_model is empty"}


def test_every_clip_keeps_the_mean_of_its_captions(judge, test_split):
    found = judged_by(judge, test_split, lambda prompts: [prompts[0], "nothing alike", *prompts[2:]])
    assert set(found.per_clip) == {"c0", "c1", "c2"}
    assert found.per_clip["c0"]["cycle_rouge_l"] == pytest.approx(0.5)
    assert found.per_clip["c1"]["cycle_rouge_l"] == pytest.approx(1.0)
    assert found.per_clip["c1"]["cycle_distance"] == pytest.approx(0.0, abs=1e-5)
    assert found.per_clip["c0"]["cycle_distance"] > 0.01
    mean = np.mean([0.0, found.per_clip["c0"]["cycle_distance"] * 2, 0.0, 0.0])
    assert found.numbers["generated"]["distance"]["mean"] == pytest.approx(mean, abs=1e-5)


def test_every_evaluator_has_a_distance_of_its_own_and_words_stand_once(judge, test_split):
    found = judged_by(judge, test_split, lambda prompts: prompts, others=("tmr",))
    assert set(found.others) == {"tmr"}
    assert set(found.others["tmr"]["generated"]) == {"distance"}
    assert found.others["tmr"]["captioner"] == found.numbers["captioner"] == "t" * 64


def test_a_language_model_compares_both_conventions_where_there_is_one(judge, test_split):
    class Bert:
        def __init__(self):
            self.facts = {"layer": 17}

        def __call__(self, said, references):
            return [Score(0.5, 0.25, 1.0)] * len(said)

    found = judged_by(judge, test_split, lambda prompts: prompts, Bert())
    for convention in ("raw", "lemmatised"):
        assert found.numbers["generated"][convention]["bert_recall"]["mean"] == 0.25
    assert found.numbers["bert"] == {"layer": 17}
    assert found.per_clip["c0"]["cycle_bert_f1"] == 1.0


def test_lemmas_forgive_the_form_of_a_verb():
    assert written("A person walks.", "lemmatised") == written("a person walking", "lemmatised") == "a person walk"
    assert written("A person walks.", "raw") == "A person walks."


def test_without_captioner_it_says_so(judge, test_split):
    table = read(PROMPTS)
    test = Embedded.of(judge, test_split, table, "test")
    found = measured(None, {"guo": judge}, "guo", test, table, [], [], PROTOCOL)
    assert "evaluate.captioner" in found.numbers["left_out"]
    assert found.per_clip == {}


def test_without_the_extra_distances_are_left_and_the_words_say_what_is_missing(judge, test_split, monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **options):
        if name.startswith("pycocoevalcap"):
            raise ImportError(name)
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    found = judged_by(judge, test_split, lambda prompts: prompts)
    assert "pip install motionlib[captioning]" in found.numbers["generated"]["words"]["left_out"]
    assert set(found.per_clip["c0"]) == {"cycle_nats_per_word", "cycle_distance"}


# --- a real captioner ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model(golden_clip, tmp_path_factory) -> Bundle:
    return Bundle.load(tiny_bundle(golden_clip, tmp_path_factory.mktemp("teller"), "nmt"))


@pytest.fixture(scope="module")
def golden_clip() -> np.ndarray:
    """(T, 22, 3) joints of a walk."""
    from pathlib import Path

    with np.load(Path(__file__).parent.parent / "golden" / "t2m_walk_120.npz", allow_pickle=False) as found:
        return found["joints"]


def test_a_motion_is_told_the_same_alone_and_among_others(model):
    motions = [one.features for one in model.generate(["a person walks", "a person jumps"], [1.0, 2.0], seed=1)]
    together = captions(model, motions, DEFAULT_BEAMS)
    assert together == [captions(model, [motion], DEFAULT_BEAMS)[0] for motion in motions]


def test_a_motion_shorter_than_a_code_step_is_told_too(model):
    motion = model.generate(["a person walks"], [1.0], seed=1)[0].features[:1]
    assert len(captions(model, [motion], DEFAULT_BEAMS)) == 1
    assert np.isfinite(teller(model, "x").surprise([motion], ["a person walks"])).all()


def test_surprise_is_what_the_best_of_several_is_chosen_by(model):
    (best,) = best_of(model, "a person walks", [1.0], 1, 3, seed=4)
    drawn = [one.features for one in model.generate(["a person walks"], [1.0], 3, seed=4)]
    found = teller(model, "x").surprise(drawn, ["a person walks"] * 3)
    assert best.surprise == pytest.approx(min(found), abs=0.5)  # codes of decoded motion may differ a little


def test_the_id_of_a_captioner_is_that_of_its_weights(model):
    import torch

    known = teller(model, "x").id
    assert teller(model, "another name").id == known
    with torch.no_grad():
        next(model.prior.parameters()).add_(1.0)
    assert teller(model, "x").id != known
