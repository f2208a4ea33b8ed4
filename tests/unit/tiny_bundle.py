"""A bundle of tiny models, for what needs one whole."""

from pathlib import Path

import numpy as np
import torch

from motionlib import priors, text, tokenizers
from motionlib.artifacts import FeatureClip, read_features, write_features
from motionlib.normalize import extract
from motionlib.promotion.bundle import Parts, write_bundle

PRIOR = {"layers": 1, "width": 16, "heads": 2, "max_steps": 20}
MORE = {"d3pm": {"timesteps": 8}, "nmt": {"hidden": 16, "text_width": 8, "state_width": 16, "max_words": 5, "least": 1}}


def tiny_bundle(joints: np.ndarray, folder: Path, kind: str = "gpt") -> Path:
    """A real bundle whose models have learned nothing, in a folder of its own, from one motion (T, 22, 3)."""
    rows = extract(joints)
    clip = FeatureClip("walk", 0, len(rows), "train", False, "d", "", "", "", "CC0-1.0")
    mean, std = rows.mean(axis=0), rows.std(axis=0) + 0.01
    write_features(folder / "features", [(clip, rows)], [], mean=mean, std=std, fps=20.0, mode="compat")
    torch.manual_seed(0)
    encoder = text.encoder("hash:32", 16)
    sizes = {"width": 8, "depth": 1, "code_width": 8, "codes": 16}
    tokenizer = tokenizers.build("vqvae", sizes, torch.from_numpy(mean), torch.from_numpy(std))
    tokenizers.save(folder / "tokenizer", tokenizer)
    prior = priors.build(kind, PRIOR | MORE.get(kind, {}), tokenizer.shape, encoder.dim)
    prior.prepare((), ["a person walks", "a person jumps"])
    priors.save(folder / "prior", prior, text.describe(encoder))
    parts = Parts(
        features=read_features(folder / "features"),
        tokenizer=folder / "tokenizer",
        prior=folder / "prior",
        sampling={},
        text_encoder=text.describe(encoder),
        max_tokens=16,
        evaluator="none",
        reports={},
        card="",
        names={"tokenizer": "vq", "prior": kind},
    )
    write_bundle(folder / "bundle", parts)
    return folder / "bundle"
