"""Motion to text: a transformer reads the codes, another writes the words (TM2T's motion-to-text translator).

Source: Guo, Zuo, Wang, Cheng, "TM2T: Stochastic and Tokenized Modeling for the Reciprocal Generation of 3D Human
Motions and Texts", ECCV 2022, section 3.2. Departures: the shared trunk's GELU in place of ReLU; the codes of a step
are added up, so that a step is one place however many codes it has; a caption's word is any that the training captions
hold often enough, in place of a list of GloVe's.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from motionlib.artifacts import CodeShape
from motionlib.priors.sampling import Beams, beam_search
from motionlib.priors.transformer import Transformer, Trunk, Words, initialise
from motionlib.priors.vocabulary import END, NEVER, PAD, START


class Reader(nn.Module):
    """Words given codes.

    Args:
        config: Trunk of both sides; the writing one also attends to the codes.
        codes: Sizes of the codes. steps: Code steps it reads at most. words: Words it writes at most.
        vocabulary: Ids of words, marks included.
    """

    def __init__(self, config: Trunk, codes: CodeShape, steps: int, words: int, vocabulary: int) -> None:
        super().__init__()
        self.codes, self.longest = codes, words
        self.code = nn.Embedding(codes.codebook_size * codes.codes_per_step + 1, config.width)  # the last: no code
        self.seen = Transformer(config.model_copy(update={"cross_attention": False}), steps, causal=False)
        self.told = Transformer(config.model_copy(update={"cross_attention": True}), words + 1, causal=True)
        self.word = nn.Embedding(vocabulary, config.width)

    def start_weights(self) -> None:
        """As the trunk of all priors starts; tables so that inputs and logits have about unit size."""
        self.apply(initialise)
        for table in (self.code, self.word):
            nn.init.normal_(table.weight, std=table.embedding_dim**-0.5)

    def learn_words(self, count: int) -> None:
        """Begin with so many ids of words."""
        old = self.word.weight
        self.word = nn.Embedding(count, old.shape[1]).to(old.device)
        nn.init.normal_(self.word.weight, std=old.shape[1] ** -0.5)

    def read(self, states: Tensor, inside: Tensor) -> Words:
        """Steps (B, L, C), made by `states` or by whoever writes softly, inside (B, L) -> what words look at."""
        scaled = states * math.sqrt(states.shape[-1])
        return Words(self.seen(scaled, mask=inside), inside)

    def states(self, codes: Tensor) -> Tensor:
        """Codes (B, L, Q), -1 where there is none -> (B, L, C)."""
        levels = torch.arange(codes.shape[2], device=codes.device) * self.codes.codebook_size
        ids = torch.where(codes >= 0, codes + levels, self.code.num_embeddings - 1)
        found: Tensor = self.code(ids).sum(dim=2)
        return found

    def logits(self, words: Tensor, seen: Words) -> Tensor:
        """Of the word behind each of (B, S), given what was read: (B, S, ids)."""
        states = self.told(self.word(words) * math.sqrt(self.word.embedding_dim), seen)
        return functional.linear(states, self.word.weight)  # TM2T divides, as its table starts larger by that

    def forward(self, states: Tensor, inside: Tensor, words: Tensor, smoothing: float = 0.0) -> Tensor:
        """Mean cross entropy (B,) of the words and the end of captions (B, S) that begin with the start; see `read`."""
        logits, wanted = self.logits(words[:, :-1], self.read(states, inside)), words[:, 1:]
        each = functional.cross_entropy(
            logits.transpose(1, 2), wanted, ignore_index=PAD, reduction="none", label_smoothing=smoothing
        )
        return each.sum(dim=1) / (wanted != PAD).sum(dim=1)

    @torch.no_grad()
    def tell(self, codes: Tensor, beams: Beams) -> list[tuple[list[int], float]]:
        """The likeliest rows of words for one motion's codes (L, Q), the best first, with their nats per word."""
        inside = torch.ones(1, len(codes), dtype=torch.bool, device=codes.device)
        seen = self.read(self.states(codes[None]), inside)

        def following(rows: Tensor) -> Tensor:
            again = Words(seen.states.expand(len(rows), -1, -1), seen.mask.expand(len(rows), -1))
            logits = self.logits(rows, again)[:, -1]
            logits[:, list(NEVER)] = -torch.inf
            if rows.shape[1] == 1:  # never an empty text
                logits[:, END] = -torch.inf
            return logits.log_softmax(dim=-1)

        return beam_search(following, START, END, self.longest, beams, codes.device)
