"""data/text: what `encode_text` makes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from motionlib.artifacts.files import Float32, Int64, read_json, read_rows, seal, unseal, write_json

TOKENS = "tokens.json"  # only where a source of captions gives them


@dataclass(frozen=True, eq=False)
class TextTable:
    """data/text: embeddings of the unique captions, row = caption_id.

    Attributes:
        sentence: (N, E) float32. words: (sum of tokens, E) float32, caption i owning rows
        [offsets[i], offsets[i + 1]). spans: (sum of tokens, 2) int64, the characters of the caption that each row
        of `words` stands for. encoder: {"spec", "digest", "dim"} of the encoder that made them.
        tokens: Each caption as `word/POS` tokens, "" where its source gives none; empty if no source does.
    """

    captions: list[str]
    sentence: Float32
    words: Float32
    offsets: Int64
    spans: Int64
    encoder: dict[str, Any]
    tokens: Sequence[str] = ()

    def words_of(self, caption_id: int) -> Float32:
        """(S, E) states of one caption's word pieces."""
        return self.words[self.offsets[caption_id] : self.offsets[caption_id + 1]]

    def spans_of(self, caption_id: int) -> Int64:
        """(S, 2) first character of each of them, and the one behind its last."""
        return self.spans[self.offsets[caption_id] : self.offsets[caption_id + 1]]

    def tokens_of(self, caption_id: int) -> str:
        """`word/POS` tokens of one caption; "" where its source gives none."""
        return self.tokens[caption_id] if self.tokens else ""


def write_text(folder: Path, table: TextTable) -> None:
    """Write data/text."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "captions.json", table.captions)
    np.save(folder / "sentence.npy", table.sentence.astype("<f4"), allow_pickle=False)
    np.save(folder / "words.npy", table.words.astype("<f4"), allow_pickle=False)
    np.save(folder / "offsets.npy", table.offsets.astype("<i8"), allow_pickle=False)
    np.save(folder / "spans.npy", table.spans.astype("<i8"), allow_pickle=False)
    tokens = folder / TOKENS
    if any(table.tokens):
        write_json(tokens, list(table.tokens))
    else:
        tokens.unlink(missing_ok=True)
    seal(folder, "text", encoder=table.encoder)


def read_text(folder: Path) -> TextTable:
    """Open data/text."""
    encoder = unseal(folder, "text")["encoder"]
    return TextTable(
        captions=read_json(folder / "captions.json"),
        sentence=read_rows(folder / "sentence.npy", encoder["dim"]),
        words=read_rows(folder / "words.npy", encoder["dim"]),
        offsets=np.load(folder / "offsets.npy", allow_pickle=False),
        spans=np.load(folder / "spans.npy", allow_pickle=False),
        encoder=encoder,
        tokens=read_json(folder / TOKENS) if (folder / TOKENS).is_file() else (),
    )
