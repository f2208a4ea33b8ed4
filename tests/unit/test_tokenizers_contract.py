"""What every tokenizer promises; runs over the registry, so a new one is tested by its line there."""

import numpy as np
import pytest
import torch

from motionlib import tokenizers, training
from motionlib.artifacts import BadArtifactError
from motionlib.params import Train
from motionlib.tokenizers import TOKENIZERS
from motionlib.tokenizers.base import position_slice
from motionlib.tokenizers.clips import decode_codes, encode_clip, reconstruct_clip
from motionlib.training.batches import WindowBatch

SMALL = {
    "ae": {"width": 16, "code_width": 8},
    "bsq": {"width": 16, "code_width": 8, "bits": 3, "groups": 2},
    "fsq": {"width": 16, "code_width": 8, "levels": [5, 4], "groups": 2, "layers": 2},
    "gan": {"width": 16, "code_width": 8, "adversary_width": 8},
    "joint_rvq": {"width": 16, "code_width": 8, "codes": 16, "layers": 2, "joint_width": 8, "joint_code_width": 8},
    "lfq": {"width": 16, "code_width": 8, "bits": 4},
    "multiscale_rvq": {"width": 16, "code_width": 8, "codes": 16, "scales": [4, 2, 1]},
    "rvq": {"width": 16, "code_width": 8, "codes": 16, "layers": 3},
    "skeletal_vae": {"joint_width": 4, "blocks": 1},
    "vae": {"width": 16, "code_width": 8},
    "vqgan": {"width": 16, "code_width": 8, "codes": 16, "adversary_width": 8, "adversary_start": 0.0},
    "vqvae": {"width": 16, "code_width": 8, "codes": 16},
}
KINDS = sorted(TOKENIZERS)


def made(kind: str, width: int = 263) -> tokenizers.Tokenizer:
    torch.manual_seed(0)
    mean, std = torch.linspace(-1, 1, width), torch.linspace(0.1, 2, width)
    return tokenizers.build(kind, SMALL.get(kind, {}), mean, std).eval()


def clip(frames: int, width: int = 263, seed: int = 0) -> torch.Tensor:
    return torch.randn(1, frames, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("frames", [4, 5, 7, 8, 63, 64, 101])
def test_codes_have_the_shape_they_say(kind, frames):
    model = made(kind)
    size, per_step, step, rate = model.shape
    codes = model.encode(clip(frames))
    assert codes.shape == (1, frames // step, per_step)
    assert codes.dtype == torch.int64
    assert 0 <= codes.min() <= codes.max() < size
    assert rate * step == 20.0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("frames", [4, 37, 64])
def test_decoding_what_was_encoded_is_reconstruction_to_the_last_bit(kind, frames):
    model = made(kind)
    there = model.decode(model.encode(clip(frames)))
    assert torch.equal(there, model.reconstruct(clip(frames)))
    assert there.shape == (1, frames // model.shape.frames_per_step * model.shape.frames_per_step, 263)


@pytest.mark.parametrize("kind", KINDS)
def test_its_doors_take_and_give_raw_features(kind):
    model = made(kind)
    shifted = tokenizers.build(kind, SMALL.get(kind, {}), model.mean + 100, model.std)
    shifted.load_state_dict(model.state_dict() | {"mean": model.mean + 100})
    shifted.eval()
    torch.testing.assert_close(
        shifted.reconstruct(clip(16) + 100), model.reconstruct(clip(16)) + 100, atol=1e-3, rtol=1e-3
    )


@pytest.mark.parametrize("kind", KINDS)
def test_encoding_leaves_the_input_and_the_model_alone(kind):
    model, features = made(kind), clip(16)
    before = features.clone(), {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.encode(features)
    assert torch.equal(features, before[0])
    assert all(torch.equal(tensor, before[1][name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_tokenizer_encodes_the_same(kind, tmp_path):
    model = made(kind)
    tokenizers.save(tmp_path / "m", model)
    again = tokenizers.load(tmp_path / "m")
    assert type(again) is type(model)
    assert again.shape == model.shape
    assert torch.equal(again.encode(clip(40)), model.encode(clip(40)))
    assert torch.equal(again.reconstruct(clip(40)), model.reconstruct(clip(40)))
    tokenizers.save(tmp_path / "n", again)
    assert (tmp_path / "m" / "weights.safetensors").read_bytes() == (
        tmp_path / "n" / "weights.safetensors"
    ).read_bytes()
    assert (tmp_path / "m" / "model.json").read_bytes() == (tmp_path / "n" / "model.json").read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_loading_does_not_disturb_random_numbers(kind, tmp_path):
    tokenizers.save(tmp_path, made(kind))
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    tokenizers.load(tmp_path)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_reaches_the_mean_of_no_clip_alone(kind):
    model = made(kind).train()
    loss = model.loss(WindowBatch(torch.cat([clip(16, seed=s) for s in range(3)]), ("a",)), torch.Generator())
    assert torch.isfinite(loss.total)
    assert loss.total.ndim == 0
    assert all(part.ndim == 0 for part in loss.parts.values())
    values = model.follow(loss.seen, torch.Generator().manual_seed(0))
    assert all(np.isfinite(value) for value in values.values())


@pytest.mark.parametrize("kind", KINDS)
def test_kit_features_work_as_well(kind):
    model = made(kind, 251)
    assert model.reconstruct(clip(16, 251)).shape == (1, 16, 251)


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_input_is_named(kind):
    model = made(kind)
    with pytest.raises(ValueError, match=r"expected features \(B, T, 263\), got \(1, 8, 250\)"):
        model.encode(clip(8, 250))
    with pytest.raises(ValueError, match="a clip of 3 rows is shorter than one step of 4"):
        model.encode(clip(3))
    per_step = model.shape.codes_per_step
    codes = torch.zeros(1, 2, per_step, dtype=torch.int64)
    codes[0, 1] = 99999
    with pytest.raises(ValueError, match=r"codes reach from 0 to 99999; expected 0 to"):
        model.decode(codes)
    with pytest.raises(ValueError, match=rf"expected codes \(B, L, {per_step}\)"):
        model.decode(torch.zeros(1, 3, per_step + 1, dtype=torch.int64))


@pytest.mark.parametrize("kind", KINDS)
def test_numpy_clips_go_through_the_same_doors(kind):
    model = made(kind)
    rows = clip(30)[0].numpy()
    codes = encode_clip(model, rows)
    assert codes.shape == (30 // model.shape.frames_per_step, model.shape.codes_per_step)
    assert np.array_equal(decode_codes(model, codes), reconstruct_clip(model, rows))
    assert np.array_equal(reconstruct_clip(model, rows), model.reconstruct(clip(30))[0].detach().numpy())


@pytest.mark.parametrize("kind", KINDS)
def test_code_vectors_are_one_for_each_code_or_none_at_all(kind):
    model = made(kind)
    books = model.code_vectors()
    assert len(books) in (0, model.shape.codes_per_step)
    assert all(len(book) == model.shape.codebook_size for book in books)
    assert model.bits_per_second > 0


def can_be_causal(kind: str) -> bool:
    field = TOKENIZERS[kind].Config.model_fields.get("causal")
    return field is not None and field.annotation is bool


@pytest.mark.parametrize("kind", [kind for kind in KINDS if can_be_causal(kind)])
def test_a_causal_tokenizer_knows_nothing_of_later_frames(kind):
    torch.manual_seed(0)
    settings = SMALL.get(kind, {}) | {"causal": True}
    model = tokenizers.build(kind, settings, torch.zeros(263), torch.ones(263)).eval()
    step = model.shape.frames_per_step
    whole = clip(16 * step)
    changed = whole.clone()
    changed[:, 10 * step :] += 1.0
    codes, others = model.encode(whole), model.encode(changed)
    assert torch.equal(codes[:, :10], others[:, :10])
    later = codes.clone()
    later[:, 10:] = (later[:, 10:] + 1) % model.shape.codebook_size
    torch.testing.assert_close(model.decode(codes)[:, : 10 * step], model.decode(later)[:, : 10 * step])


def test_an_unknown_kind_is_named_with_the_known_ones():
    with pytest.raises(ValueError, match=r"unknown tokenizer kind 'fqs'; known: \["):
        tokenizers.build("fqs", {}, torch.zeros(263), torch.ones(263))


def test_statistics_must_fit_each_other():
    with pytest.raises(ValueError, match=r"mean \(263,\) and std \(3,\)"):
        tokenizers.build("vqvae", {}, torch.zeros(263), torch.ones(3))


def test_something_else_is_no_tokenizer(tmp_path):
    with pytest.raises(BadArtifactError):
        tokenizers.load(tmp_path)


def test_positions_lie_where_the_features_say():
    assert position_slice(263) == slice(4, 67)
    assert position_slice(251) == slice(4, 64)
    with pytest.raises(ValueError, match="250 numbers fit no skeleton"):
        position_slice(250)


def batch(frames: int = 16) -> WindowBatch:
    return WindowBatch(torch.cat([clip(frames, seed=seed) for seed in range(3)]), ("a", "b", "c"))


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_changes_no_state(kind):
    model = made(kind).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.loss(batch(), torch.Generator())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("kind", KINDS)
def test_half_precision_layers_learn_as_well(kind):
    model = made(kind).train()
    with torch.autocast("cpu", torch.bfloat16):
        loss = model.loss(batch(), torch.Generator())
    loss.total.backward()
    assert torch.isfinite(loss.total)
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters() if p.requires_grad)


class Cut(Exception):
    """Ends a training."""


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_that_was_cut_goes_on_to_the_same_bytes(kind, tmp_path):
    config = Train(
        steps=4, batch_size=3, learning_rate=1e-3, warmup_steps=0, schedule="cosine", checkpoint_every=2,
        validate_every=9, seed=3,
    )  # fmt: skip
    steps = []

    def draw(random: torch.Generator) -> WindowBatch:
        steps.append(torch.rand(3, 16, 263, generator=random))
        if len(steps) == 4:
            raise Cut
        return WindowBatch(steps[-1], ("a", "b", "c"))

    cut, whole = made(kind), made(kind)
    with pytest.raises(Cut):
        training.fit(cut, draw, config, Silent(), checkpoints=tmp_path)
    again = made(kind)
    for model, checkpoints in ((again, tmp_path), (whole, None)):
        training.fit(model, draw, config, Silent(), checkpoints=checkpoints)
    state = again.state_dict()
    assert all(t.numpy().tobytes() == state[name].numpy().tobytes() for name, t in whole.state_dict().items())


class Silent:
    def metrics(self, values, step): ...
    def dataset(self, name, path): ...
    def artifacts(self, folder): ...
