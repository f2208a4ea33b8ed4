"""Every kind of tokenizer learns eight short walks by heart: the whole way from features to millimetres."""

import numpy as np
import pytest
import torch
from analytic import walk

from motionlib import tokenizers, training
from motionlib.evaluation import roundtrip
from motionlib.normalize.humanml263 import extract
from motionlib.params import Train
from motionlib.rig.canonical import canonical_joints
from motionlib.tokenizers import TOKENIZERS
from motionlib.tokenizers.clips import reconstruct_clip
from motionlib.training.batches import WindowBatch

FRAMES = 32
MILLIMETRES = 20.0
STEPS = {"skeletal_vae": 750}  # of the others: 250
COMMON = {"width": 64, "depth": 1, "code_width": 32, "start": "data"}
VECTORS = {**COMMON, "codes": 64, "decay": 0.9, "commitment": 1.0}
BITS = {**COMMON, "bits": 8, "groups": 4}
TINY = {
    "ae": COMMON,
    "bsq": BITS,
    "fsq": {**COMMON, "groups": 2},
    "joint_rvq": {
        **VECTORS, "layers": 2, "joint_width": 16, "joint_code_width": 16, "joint_dropout": 0.0, "temperature": 0.0,
    },
    "lfq": BITS,
    "multiscale_rvq": {**VECTORS, "scales": [2, 1, 1, 1]},
    "rvq": {**VECTORS, "layers": 4, "temperature": 0.0},
    "skeletal_vae": {"joint_width": 16, "blocks": 1, "dropout": 0.0},
    "vae": COMMON,
    "vqgan": {**VECTORS, "codes": 128, "adversary_width": 8, "adversary_start": 0.5},
    "vqvae": {**VECTORS, "codes": 128},
}  # fmt: skip


DRAWS = {"gan"}  # its generator never sees the walks, so it cannot know them by heart


class Silent:
    def metrics(self, values, step): ...
    def dataset(self, name, path): ...
    def artifacts(self, folder): ...


@pytest.fixture(scope="module")
def walks() -> torch.Tensor:
    """Features (8, 32, 263) of eight people who walk in eight ways and circles."""
    takes = [walk(20.0, seconds=3.0, standing=0.5, turns=0.1 * (seed - 4), seed=seed) for seed in range(8)]
    rows = [extract(canonical_joints(take, 20.0))[-FRAMES:] for take in takes]
    return torch.from_numpy(np.stack(rows).astype(np.float32))


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(TINY))
def test_eight_walks_come_back_to_within_twenty_millimetres(kind, walks):
    torch.manual_seed(0)
    mean, std = walks.mean((0, 1)), walks.std((0, 1)).clamp_min(0.05)
    model = tokenizers.build(kind, TINY[kind] | {"joint_weight": 5.0}, mean, std)
    config = Train(
        steps=STEPS.get(kind, 250), batch_size=8, learning_rate=2e-3, warmup_steps=20, schedule="cosine", clip_norm=1.0,
        checkpoint_every=1000, validate_every=1000, seed=0,
    )  # fmt: skip
    pieces = [roundtrip.Piece(str(number), rows.numpy()) for number, rows in enumerate(walks)]
    model.prepare(walks, seed=0)
    model.plan(config.steps)
    training.fit(model, lambda _: WindowBatch(walks, ()), config, Silent())
    error = roundtrip.mean_error(pieces, lambda rows: reconstruct_clip(model, rows))["mpjpe_mm"]
    assert error < MILLIMETRES, error


def test_every_kind_is_tried():
    assert set(TINY) | DRAWS == set(TOKENIZERS)
    assert not set(TINY) & DRAWS
