"""Text to motion, as TM2T does it: a recurrent network writes codes and looks back at the caption's words.

Source: Guo, Zuo, Wang, Cheng, "TM2T: Stochastic and Tokenized Modeling for the Reciprocal Generation of 3D Human
Motions and Texts", ECCV 2022, section 3.3, and its published sizes. Departures: the words are those of the project's
text encoder, in place of GloVe's; the whole sentence stands before them, so that the null text is something to look at.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from motionlib.artifacts import CodeShape
from motionlib.priors.base import TextFeatures
from motionlib.priors.flat import allowed, end_of

MARKS = 3  # ids after the codes: end, padding, start
TINY = 1e-20  # keeps the logarithm of a uniform number finite


class Looked(NamedTuple):
    """What a caption is while codes are written: keys and values (B, S, C), mask (B, S), first state (B, C)."""

    keys: Tensor
    values: Tensor
    mask: Tensor
    first: Tensor

    def rows(self, chosen: Tensor) -> "Looked":
        """Those of some rows."""
        return Looked(*(part[chosen] for part in self))


class Writer(nn.Module):
    """Codes given words, token after token; see `flat` for the tokens.

    Args:
        codes: Sizes of the codes. text_dim: E. text_width: Of each direction of the words' network.
        width: C of the writing network, its attention and its tokens.
    """

    def __init__(self, codes: CodeShape, text_dim: int, text_width: int, width: int) -> None:
        super().__init__()
        self.codes, self.end_id = codes, end_of(codes)
        self.word = nn.Linear(text_dim, text_width)
        self.reading = nn.GRU(text_width, text_width, batch_first=True, bidirectional=True)
        self.begin = nn.Parameter(torch.randn(2, 1, text_width))
        self.first = nn.Linear(2 * text_width, width)
        self.token = nn.Embedding(self.end_id + MARKS, width)
        self.query, self.value = nn.Linear(width, width), nn.Linear(2 * text_width, width)
        self.key = nn.Linear(2 * text_width, width, bias=False)
        self.mix = nn.Sequential(nn.Linear(2 * width, width), nn.LayerNorm(width), nn.LeakyReLU())
        self.cell = nn.GRUCell(width, width)
        nn.init.normal_(self.token.weight, std=1 / math.sqrt(width))
        self.register_buffer("allowed", allowed(codes), persistent=False)
        self.allowed: Tensor

    def look(self, text: TextFeatures) -> Looked:
        """Read captions; every one has at least its sentence."""
        words = self.word(torch.cat((text.sentence[:, None], text.words), dim=1))
        mask = functional.pad(text.word_mask, (1, 0), value=True)
        packed = pack_padded_sequence(words, mask.sum(dim=1).cpu(), batch_first=True, enforce_sorted=False)
        states, last = self.reading(packed, self.begin.expand(-1, len(words), -1).contiguous())
        states, _ = pad_packed_sequence(states, batch_first=True, total_length=words.shape[1])
        return Looked(self.key(states), self.value(states), mask, self.first(torch.cat((last[0], last[1]), dim=-1)))

    def step(self, token: Tensor, state: Tensor, seen: Looked, position: int) -> tuple[Tensor, Tensor]:
        """One token (B, C) more: logits (B, ids) of the one at `position`, and the state (B, C) after it."""
        near = (seen.keys @ self.query(state)[..., None]).squeeze(-1) / math.sqrt(state.shape[-1])
        share = near.masked_fill(~seen.mask, -torch.inf).softmax(dim=-1)
        looked = (share[:, None] @ seen.values).squeeze(1)
        state = self.cell(self.mix(torch.cat((token, looked), dim=-1)), state)
        logits = functional.linear(state, self.token.weight[: self.end_id + 1])
        return logits.masked_fill(~self.allowed[position % self.codes.codes_per_step], -torch.inf), state

    def start(self, rows: int) -> Tensor:
        """The token (B, C) that stands before the first."""
        return self.token.weight[-1].expand(rows, -1)

    def logits(self, tokens: Tensor, seen: Looked, forced: Tensor, generator: torch.Generator) -> Tensor:
        """Of each token (B, N) and of the one behind: (B, N + 1, ids).

        Args:
            forced: (B, N) bool, True where the true token is looked back at; else one that the model draws (scheduled
                sampling: Bengio et al., arXiv:1506.03099).
        """
        token, state, found = self.start(len(tokens)), seen.first, []
        always = bool(forced.all())
        for position in range(tokens.shape[1] + 1):
            each, state = self.step(token, state, seen, position)
            found.append(each)
            if position < tokens.shape[1]:
                chosen = tokens[:, position]
                if not always:
                    drawn = (each.detach()[:, : self.end_id] + gumbel(each[:, : self.end_id], generator)).argmax(dim=-1)
                    chosen = torch.where(forced[:, position], chosen, drawn)
                token = self.token(chosen)
        return torch.stack(found, dim=1)

    def free(self, count: int, seen: Looked, temperature: float, generator: torch.Generator) -> Tensor:
        """One-hot rows (B, count, ids) of codes that the model draws and gradients go through; no marks among them.

        Source: Jang et al., "Categorical Reparameterization with Gumbel-Softmax", arXiv:1611.01144, section 2.2.
        """
        token, state, found = self.start(len(seen.first)), seen.first, []
        for position in range(count):
            logits, state = self.step(token, state, seen, position)
            logits = logits[:, : self.end_id]
            soft = ((logits + gumbel(logits, generator)) / temperature).softmax(dim=-1)
            hard = functional.one_hot(soft.argmax(dim=-1), self.end_id).to(soft.dtype)
            found.append(hard + soft - soft.detach())
            token = found[-1] @ self.token.weight[: self.end_id]
        return torch.stack(found, dim=1)


def gumbel(like: Tensor, generator: torch.Generator) -> Tensor:
    """Gumbel noise of a shape: the largest of logits with it is a draw from their distribution."""
    uniform = torch.rand(like.shape, generator=generator, device=like.device)
    return -torch.log(-torch.log(uniform.clamp(TINY, 1 - torch.finfo(torch.float32).eps)))
