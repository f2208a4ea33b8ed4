"""BERTScore: matching by hand, and a tiny model of a folder as the published code reads it."""

import sys
import types
from math import log

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from motionlib.evaluation.bertscore import BertScorer, Pieces, Score, best, greedy, rarity
from motionlib.text import BadEncoderError

EAST, NORTH = [1.0, 0.0], [0.0, 1.0]
BETWEEN = [0.6, 0.8]


def pieces(*rows: list[float], ids: tuple[int, ...] = ()) -> Pieces:
    return Pieces(ids or tuple(range(len(rows))), np.array(rows, np.float32))


def one(_: int) -> float:
    return 1.0


def test_each_piece_is_matched_with_its_likest():
    found = greedy(pieces(EAST, BETWEEN), pieces(NORTH), one)
    assert found.precision == pytest.approx((0.0 + 0.8) / 2)
    assert found.recall == pytest.approx(0.8)
    assert found.f1 == pytest.approx(2 * 0.4 * 0.8 / 1.2)


def test_weights_say_how_much_a_piece_counts():
    found = greedy(pieces(EAST, BETWEEN, ids=(1, 2)), pieces(NORTH, ids=(3,)), {1: 0.0, 2: 5.0, 3: 1.0}.__getitem__)
    assert found.precision == pytest.approx(0.8)


def test_a_text_of_marks_alone_is_worth_nothing():
    assert greedy(pieces(EAST), pieces(EAST), lambda _: 0.0) == Score(0.0, 0.0, 0.0)


def test_of_several_references_each_number_is_the_best():
    (found,) = best([pieces(EAST, NORTH)], [[pieces(EAST), pieces(EAST, NORTH, BETWEEN)]], one)
    assert found.precision == pytest.approx(1.0)
    assert found.recall == pytest.approx(1.0)  # of the first: 1, of the second: (1 + 1 + 0.8) / 3
    assert found.f1 == pytest.approx(2 * (2.8 / 3) / (1 + 2.8 / 3))


def test_a_piece_of_every_reference_weighs_nothing_and_an_unseen_one_most():
    weigh = rarity([(7, 7, 8), (7,), (7, 9)])
    assert weigh(7) == 0.0
    assert weigh(8) == pytest.approx(log(4 / 2))
    assert weigh(5) == pytest.approx(log(4))


@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(0.1, 1)), min_size=1, max_size=4),
       st.lists(st.tuples(st.floats(-1, 1), st.floats(0.1, 1)), min_size=1, max_size=4))  # fmt: skip
def test_turned_round_precision_and_recall_change_places(first, second):
    a, b = (pieces(*(list(np.array(row) / np.linalg.norm(row)) for row in rows)) for rows in (first, second))
    there, back = greedy(a, b, one), greedy(b, a, one)
    assert (there.precision, there.recall) == pytest.approx((back.recall, back.precision), abs=1e-6)


class Output(types.SimpleNamespace):
    """What a model gives."""


class Tokenizer:
    """Words by number; 0 and 1 are the marks."""

    cls_token_id, sep_token_id = 0, 1
    words = ("[CLS]", "[SEP]", "a", "person", "walks", "jumps")

    def __call__(self, text: str, truncation: bool, max_length: int, return_tensors: str) -> "Read":
        assert truncation
        assert (max_length, return_tensors) == (512, "pt")
        return Read(torch.tensor([[0, *(self.words.index(word) for word in text.split()), 1]]))


class Read(dict):
    def __init__(self, ids: torch.Tensor) -> None:
        super().__init__(input_ids=ids)
        self.input_ids = ids


class Model(torch.nn.Module):
    """States are rows of a table, twice as long in the second layer, where they are also mirrored."""

    def __init__(self) -> None:
        super().__init__()
        self.table = torch.tensor([[1.0, 1.0], [1.0, 1.0], EAST, NORTH, BETWEEN, [-1.0, 0.0]])

    def forward(self, input_ids: torch.Tensor, output_hidden_states: bool) -> Output:
        assert output_hidden_states
        states = self.table[input_ids]
        return Output(hidden_states=(states, states, 2 * states.flip(-1)))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with weights, and a stand-in for the package that would read them."""
    loaded = types.SimpleNamespace(from_pretrained=lambda path, **_: Model())
    tokenizer = types.SimpleNamespace(from_pretrained=lambda path, **_: Tokenizer())
    monkeypatch.setitem(sys.modules, "transformers", types.SimpleNamespace(AutoModel=loaded, AutoTokenizer=tokenizer))
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    return tmp_path


def test_marks_can_be_matched_and_weigh_nothing(folder):
    (found,) = BertScorer(str(folder))(["walks"], [["person"]])
    # walks (0.6, 0.8): person 0.8, mark (0.6 + 0.8) / sqrt(2) = 0.99
    assert found.precision == pytest.approx(1.4 / 2**0.5, abs=1e-6)
    assert found.recall == pytest.approx(0.8, abs=1e-6)


def test_equal_texts_are_perfect_in_either_layer_with_or_without_rarity(folder):
    for layer in (0, 1):
        for idf in (False, True):
            found = BertScorer(str(folder), layer, idf)(
                ["a person walks", "a person jumps"], [["a person walks"], ["a"]]
            )
            assert found[0] == pytest.approx((1.0, 1.0, 1.0), abs=1e-6)


def test_the_words_of_all_references_decide_what_is_rare(folder):
    said = ["a person", "a walks"]
    (first, _) = BertScorer(str(folder), 0, idf=True)(said, [["a person"], ["a walks"]])
    assert first == pytest.approx((1.0, 1.0, 1.0), abs=1e-6)  # `a` weighs nothing, `person` log 1.5


def test_a_score_says_which_model_and_layer_made_it(folder):
    facts = BertScorer(str(folder), 1, idf=True).facts
    assert (facts["layer"], facts["idf"], facts["rescaled"]) == (1, True, False)
    (folder / "model.safetensors").write_bytes(b"others")
    assert BertScorer(str(folder), 1, idf=True).facts["model"] != facts["model"]


def test_a_folder_without_weights_is_named(tmp_path):
    with pytest.raises(BadEncoderError, match=r"evaluate\.bert_model: needs a folder with weights in safetensors"):
        BertScorer(str(tmp_path))
