"""Chunk by chunk as the whole clip, whatever the chunks, for every kind that can be causal."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from motionlib import tokenizers
from motionlib.tokenizers import TOKENIZERS
from motionlib.tokenizers.clips import decode_codes, encode_clip
from motionlib.tokenizers.conv import Conv, to_image, to_rows
from motionlib.tokenizers.streaming import StreamDecoder, StreamEncoder, _Past
from tests.unit.test_tokenizers_contract import SMALL, can_be_causal

CAUSAL = [kind for kind in sorted(TOKENIZERS) if can_be_causal(kind)]
FRAMES = 101  # 25 steps and a frame that fills none
chunks = st.lists(st.integers(0, 40), max_size=20)


def made(kind: str, **more) -> tokenizers.Tokenizer:
    torch.manual_seed(0)
    mean, std = torch.linspace(-1, 1, 263), torch.linspace(0.1, 2, 263)
    return tokenizers.build(kind, SMALL.get(kind, {}) | {"causal": True} | more, mean, std).eval()


def clip(frames: int = FRAMES) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(frames, 263)).astype(np.float32)


def pieces(whole: np.ndarray, sizes: list[int]) -> list[np.ndarray]:
    """The clip in chunks of these sizes, then the rest."""
    return np.split(whole, np.minimum(np.cumsum(sizes, dtype=int), len(whole)))


@pytest.mark.parametrize("kind", CAUSAL)
@settings(max_examples=15)
@given(sizes=chunks)
def test_codes_do_not_depend_on_how_rows_come(kind, sizes):
    model, rows = made(kind), clip()
    stream = StreamEncoder(model)
    codes = np.concatenate([stream.push(piece) for piece in pieces(rows, sizes)])
    assert codes.dtype == np.int64
    np.testing.assert_array_equal(codes, encode_clip(model, rows))


@pytest.mark.parametrize("kind", CAUSAL)
@settings(max_examples=15)
@given(sizes=st.lists(st.integers(0, 9), max_size=10))
def test_rows_do_not_depend_on_how_codes_come(kind, sizes):
    model = made(kind)
    codes = np.random.default_rng(1).integers(0, model.shape.codebook_size, (25, model.shape.codes_per_step))
    stream = StreamDecoder(model)
    rows = np.concatenate([stream.push(piece) for piece in pieces(codes, sizes)])
    normal = rows - decode_codes(model, codes)
    np.testing.assert_allclose(normal / model.std.numpy(), 0.0, atol=1e-5)


@pytest.mark.parametrize("kind", CAUSAL)
def test_a_code_is_there_with_the_last_frame_of_its_step(kind):
    stream, rows = StreamEncoder(made(kind)), clip(12)
    assert [len(stream.push(rows[frame : frame + 1])) for frame in range(12)] == [0, 0, 0, 1] * 3


@given(sizes=st.lists(st.integers(1, 9), max_size=10), kernel=st.sampled_from([1, 3, 5]), dilation=st.integers(1, 3))
def test_a_convolution_that_remembers_is_the_whole_convolution(sizes, kernel, dilation):
    torch.manual_seed(0)
    layer = Conv(2, 3, kernel, padding=dilation * (kernel - 1) // 2, dilation=dilation, causal=True).eval()
    rows = torch.randn(1, 60, 2)
    whole = to_rows(layer(to_image(rows)))
    layer.edges = _Past(layer.before)
    cut = [piece for piece in torch.tensor_split(rows, np.cumsum(sizes).tolist(), dim=1) if piece.shape[1]]
    torch.testing.assert_close(torch.cat([to_rows(layer(to_image(piece))) for piece in cut], dim=1), whole)


def test_what_is_remembered_does_not_grow():
    stream = StreamEncoder(made("vqvae"))
    sizes = set()
    for frames in (50, 6, 1, 1, 300, 102):
        stream.push(clip(frames))
        past = [m.rows for m in stream._model.modules() if isinstance(m, _Past) and m.rows is not None]
        sizes.add(sum(rows.untyped_storage().nbytes() for rows in past))
        assert stream._waiting.base is None
        assert len(stream._waiting) < 4
    assert len(sizes) == 1
    assert sizes.pop() > 0


def test_a_stream_leaves_the_model_alone_and_shares_its_weights():
    model, rows = made("vqvae"), clip()
    before = encode_clip(model, rows)
    first, second = StreamEncoder(model), StreamEncoder(model)
    first.push(rows)
    np.testing.assert_array_equal(encode_clip(model, rows), before)
    np.testing.assert_array_equal(second.push(rows), before)
    assert all(a is b for a, b in zip(first._model.parameters(), model.parameters(), strict=True))


def test_what_cannot_stream_says_why():
    with pytest.raises(ValueError, match=r"VqVae is not causal.*trained with `causal: true`"):
        StreamEncoder(made("vqvae", causal=False))
    with pytest.raises(ValueError, match="in training cannot stream"):
        StreamDecoder(made("vqvae").train())
    with pytest.raises(ValueError, match=r"expected rows \(T, 263\), got \(3, 250\)"):
        StreamEncoder(made("vqvae")).push(np.zeros((3, 250), dtype=np.float32))
    with pytest.raises(ValueError, match=r"expected codes \(B, L, 1\)"):
        StreamDecoder(made("vqvae")).push(np.zeros((3, 2), dtype=np.int64))
