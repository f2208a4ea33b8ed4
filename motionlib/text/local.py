"""Text encoders out of a folder of the user's: CLIP's text tower and T5's encoder.

Source: Radford et al., "CLIP", arXiv:2103.00020, the vector that T2M-GPT and MoMask condition on; Raffel et al.,
"T5", arXiv:1910.10683. They need the package `transformers`, which motionlib does not bring; nothing is fetched.
"""

import hashlib
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from motionlib.text.base import BadEncoderError, Embedded, Encoded, digest_of, join

DECIDING = (".safetensors", ".json", ".txt", ".model")  # files of a model folder that decide its embeddings


def open_model(folder: str, model_class: str, setting: str, otherwise: str = "") -> tuple[Any, Any]:
    """Tokenizer and model, in eval mode, out of a folder of the user's; nothing is fetched, nothing unpickled.

    Args:
        model_class: Of transformers. setting: Which place of params.yaml asks for it. otherwise: What else can be done.

    Raises:
        BadEncoderError: If there are no weights in safetensors, or transformers is not installed.
    """
    if not folder or not list(Path(folder).glob("*.safetensors")):
        raise BadEncoderError(f"{setting} needs a folder with weights in safetensors, got {folder!r}")
    try:
        transformers = importlib.import_module("transformers")
    except ModuleNotFoundError:
        message = f"{setting} needs transformers: pip install 'transformers>=4.56'{otherwise}"
        raise BadEncoderError(message) from None
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    load = getattr(transformers, model_class).from_pretrained
    return tokenizer, load(folder, local_files_only=True, use_safetensors=True).eval()


class _LocalEncoder:
    kind: str
    model_class: str

    def __init__(self, argument: str, max_tokens: int) -> None:
        self.max_tokens = max_tokens
        opened = open_model(
            argument, self.model_class, f"text.encoder: {self.kind}:<folder>", "; or set text.encoder: minilm"
        )
        self._tokenizer, self._model = opened
        self.digest = digest_of({"kind": self.kind, "max_tokens": max_tokens, "files": digests(Path(argument))})
        self.dim = self.encode([""]).sentence.shape[1]

    @property
    def spec(self) -> str:
        """The kind alone: where the folder lies is this machine's business, what is in it stands in `digest`."""
        return self.kind

    @torch.inference_mode()
    def encode(self, captions: Sequence[str]) -> Encoded:
        """Embed captions one by one, so that no padding enters."""
        found = [self._one(caption) for caption in captions]
        return join(found, len(found[0].sentence) if found else self.dim)

    def _one(self, caption: str) -> Embedded:
        raise NotImplementedError

    def _pieces(self, caption: str) -> tuple[Any, list[tuple[int, int]]]:
        """Ids (1, S) with the marks, and the characters that each stands for."""
        made = self._tokenizer(
            caption, truncation=True, max_length=self.max_tokens, return_tensors="pt", return_offsets_mapping=True
        )
        return made.input_ids, [(int(a), int(b)) for a, b in made.offset_mapping[0]]


class ClipText(_LocalEncoder):
    """CLIP's projected sentence vector, and its token states through the same projection, without marks."""

    kind = "clip"
    model_class = "CLIPTextModelWithProjection"

    def _one(self, caption: str) -> Embedded:
        ids, spans = self._pieces(caption)
        out = self._model(ids)
        words = self._model.text_projection(out.last_hidden_state[0, 1:-1])
        return Embedded(out.text_embeds[0].numpy(), words.numpy(), spans[1:-1])


class T5Text(_LocalEncoder):
    """States of T5's encoder without the end mark; the sentence is their mean, the end mark in it, of unit length."""

    kind = "t5"
    model_class = "T5EncoderModel"

    def _one(self, caption: str) -> Embedded:
        ids, spans = self._pieces(caption)
        states = self._model(ids).last_hidden_state[0]
        return Embedded(functional.normalize(states.mean(dim=0), dim=0).numpy(), states[:-1].numpy(), spans[:-1])


def digests(folder: Path) -> dict[str, str]:
    """Sha256 of each deciding file."""
    found = {}
    for path in sorted(folder.iterdir()):
        if path.suffix in DECIDING:
            with path.open("rb") as file:
                found[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found
