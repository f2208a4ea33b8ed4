"""The three networks of the text-motion evaluator, at any size; parameter names are those of the published weights.

Source: Guo et al., "Generating Diverse and Natural 3D Human Motions from Text", CVPR 2022, and its code
(`networks/modules.py`: MovementConvEncoder, MovementConvDecoder, MotionEncoderBiGRUCo, TextEncoderBiGRUCo).
"""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

UNIT = 4  # frames per movement: two convolutions of stride 2
SLOPE = 0.2  # of every LeakyReLU
START_DEVIATION = 0.02  # of the learned initial state of a GRU, before its first update


class MovementEncoder(nn.Module):
    """Four frames -> one movement: (B, T, inputs) -> (B, T // 4, outputs)."""

    def __init__(self, inputs: int, width: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv1d(inputs, width, 4, 2, 1),
            nn.Dropout(dropout),
            nn.LeakyReLU(SLOPE),
            nn.Conv1d(width, outputs, 4, 2, 1),
            nn.Dropout(dropout),
            nn.LeakyReLU(SLOPE),
        )
        self.out_net = nn.Linear(outputs, outputs)

    def forward(self, motion: Tensor) -> Tensor:
        """Normalised features, T at least 4."""
        movements: Tensor = self.out_net(self.main(motion.transpose(1, 2)).transpose(1, 2))
        return movements


class MovementDecoder(nn.Module):
    """The way back, for pre-training only: (B, L, inputs) -> (B, 4 L, outputs)."""

    def __init__(self, inputs: int, width: int, outputs: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose1d(inputs, width, 4, 2, 1),
            nn.LeakyReLU(SLOPE),
            nn.ConvTranspose1d(width, outputs, 4, 2, 1),
            nn.LeakyReLU(SLOPE),
        )
        self.out_net = nn.Linear(outputs, outputs)

    def forward(self, movements: Tensor) -> Tensor:
        """Normalised features."""
        motion: Tensor = self.out_net(self.main(movements.transpose(1, 2)).transpose(1, 2))
        return motion


class SequenceEncoder(nn.Module):
    """A bidirectional GRU with a learned initial state; the last states of both directions make the embedding.

    Args:
        inputs: Width of one element. width: Of each direction's state.
        hidden: Between the states and the embedding. outputs: Of the embedding.
    """

    def __init__(self, inputs: int, width: int, hidden: int, outputs: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.input_emb = nn.Linear(inputs, width)
        self.gru = nn.GRU(width, width, batch_first=True, bidirectional=True)
        self.output_net = nn.Sequential(
            nn.Linear(2 * width, hidden), nn.LayerNorm(hidden), nn.LeakyReLU(SLOPE), nn.Linear(hidden, outputs)
        )
        self.hidden = nn.Parameter(START_DEVIATION * torch.randn(2, 1, width))
        self.dropout = dropout  # of the inputs; published: none

    def forward(self, sequence: Tensor, lengths: Tensor) -> Tensor:
        """(B, S, inputs) with lengths (B,), each at least 1 -> (B, outputs)."""
        embedded = self.input_emb(nn.functional.dropout(sequence, self.dropout, self.training))
        packed = pack_padded_sequence(embedded, lengths.cpu(), batch_first=True, enforce_sorted=False)
        _, last = self.gru(packed, self.hidden.repeat(1, len(sequence), 1))
        embedding: Tensor = self.output_net(torch.cat((last[0], last[1]), dim=-1))
        return embedding


class MotionEncoder(SequenceEncoder):
    """Movements -> embedding: (B, L, movement) and (B,) lengths in movements -> (B, E)."""

    def __init__(self, movement: int, width: int, outputs: int, dropout: float = 0.0) -> None:
        super().__init__(movement, width, width, outputs, dropout)


class TextEncoder(SequenceEncoder):
    """Word vectors -> embedding: (B, S, words) and (B,) lengths in words -> (B, E).

    Args:
        tags: Classes of part of speech that are added to the word vectors (15 in the published evaluator); 0: none.
    """

    def __init__(self, words: int, width: int, outputs: int, tags: int = 0, dropout: float = 0.0) -> None:
        super().__init__(words, width, width, outputs, dropout)
        self.pos_emb = nn.Linear(tags, words) if tags else None

    def forward(self, sequence: Tensor, lengths: Tensor, tags: Tensor | None = None) -> Tensor:
        """`tags`: (B, S, tags) one-hot.

        Raises:
            ValueError: If the network was made with tags and gets none, or the other way round.
        """
        if (tags is None) != (self.pos_emb is None):
            raise ValueError("this text encoder was made with and must be given parts of speech, or neither")
        if self.pos_emb is not None:
            sequence = sequence + self.pos_emb(tags)
        return super().forward(sequence, lengths)
