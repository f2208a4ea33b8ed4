"""Reciprocal prior: text to motion and motion to text, each a translator, the second teaching the first.

Source: Guo, Zuo, Wang, Cheng, "TM2T: Stochastic and Tokenized Modeling for the Reciprocal Generation of 3D Human
Motions and Texts", ECCV 2022. Inverse alignment (section 3.4): codes that the writer draws freely are told in words
again, and what that says of the caption teaches the writer alone. Departures: both learn side by side in one training,
the reader's weights being constants in the alignment, and the alignment begins after `align_after` steps; captions are
dropped for guidance; which inputs are the writer's own is drawn for each token. See `reader` and `writer` for the rest.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from motionlib.artifacts import CodeShape, Float32
from motionlib.params import Section
from motionlib.priors.base import PAD, PriorBatch, Score, TextFeatures, with_null, without_text
from motionlib.priors.captioner import Captioner, Told
from motionlib.priors.flat import IGNORE, kept
from motionlib.priors.flat import score as score_of
from motionlib.priors.flat import tokens as tokens_of
from motionlib.priors.in_order import InOrder
from motionlib.priors.reader import Reader
from motionlib.priors.sampling import Beams, TokenSampling, draw, guide
from motionlib.priors.transformer import Trunk
from motionlib.priors.vocabulary import Vocabulary, frequent
from motionlib.priors.writer import Writer
from motionlib.training import Loss

Share = NonNegativeFloat


class NmtConfig(Section):
    """Settings of the reciprocal prior; the defaults are the published sizes."""

    max_steps: PositiveInt = Field(default=55, description="code steps it can write and read")
    max_words: PositiveInt = Field(default=50, description="words of a caption that it can write")
    least: PositiveInt = Field(default=2, description="training captions that hold a word, or it is unknown")
    layers: PositiveInt = Field(default=4, description="of the reader's transformers, each")
    width: PositiveInt = Field(default=512, description="of the reader")
    heads: PositiveInt = 8
    hidden: PositiveInt = Field(default=2048, description="hidden width of the reader's MLPs")
    dropout: Share = Field(default=0.1, lt=1.0, description="of the reader")
    text_width: PositiveInt = Field(default=512, description="of each direction of the writer's network of words")
    state_width: PositiveInt = Field(default=1024, description="of the writer's states, tokens and attention")
    forcing: tuple[Share, Share] = Field(
        default=(0.9, 0.1), description="share of true codes that the writer looks back at: at first, and at last"
    )
    forcing_steps: PositiveInt = Field(default=12_000, description="training steps until the last (TM2T: 35 epochs)")
    text_drop: Share = Field(default=0.1, le=1.0, description="share of captions replaced by the null text")
    label_smoothing: Share = Field(default=0.0, lt=1.0, description="of words")
    align_weight: NonNegativeFloat = Field(default=1.0, description="of the inverse alignment; 0: none")
    align_after: NonNegativeInt = Field(default=3000, description="training steps of the reader before it teaches")
    gumbel_temperature: PositiveFloat = Field(default=1.0, description="of what the writer draws for the reader")

    def trunk(self) -> Trunk:
        """The reader's."""
        return Trunk(
            layers=self.layers,
            width=self.width,
            heads=self.heads,
            hidden=self.hidden,
            dropout=self.dropout,
            norm="post",
            position="sinusoid",
        )


class Nmt(InOrder[NmtConfig, TokenSampling], Captioner):
    """Writes codes for captions, and captions for codes."""

    Config: ClassVar[type[Section]] = NmtConfig
    Sampling: ClassVar[type[Section]] = TokenSampling

    def __init__(self, config: NmtConfig, codes: CodeShape, text_dim: int) -> None:
        super().__init__(config, codes, text_dim)
        self.vocabulary = Vocabulary(())
        self.writer = Writer(codes, text_dim, config.text_width, config.state_width)
        self.reader = Reader(config.trunk(), codes, config.max_steps, config.max_words, len(self.vocabulary))
        self.reader.start_weights()
        self.register_buffer("trained_steps", torch.zeros((), dtype=torch.int64))
        self.trained_steps: Tensor

    @property
    def max_steps(self) -> int:
        """Longest sequence, in code steps."""
        return self.config.max_steps

    @property
    def tells_steps(self) -> int:
        """The same."""
        return self.config.max_steps

    def prepare(self, vectors: Sequence[Float32], captions: Sequence[str]) -> None:  # noqa: ARG002
        """Learn the words of the captions."""
        self._know(frequent(captions, self.config.least))

    def facts(self) -> Mapping[str, Any]:
        """The words, in the order of their ids."""
        return {"words": list(self.vocabulary.words)}

    def recall(self, facts: Mapping[str, Any]) -> None:
        """Take the words back."""
        self._know(facts["words"])

    def loss(self, batch: PriorBatch, generator: torch.Generator) -> Loss:
        """Cross entropy of codes given words, of words given codes, and of words given codes that were drawn."""
        dropped = torch.rand(len(batch.codes), generator=generator, device=batch.codes.device) < self.config.text_drop
        tokens, targets = tokens_of(batch, self.codes)
        forced = torch.rand(tokens.shape, generator=generator, device=tokens.device) < self.forcing()
        seen = self.writer.look(without_text(batch.text, dropped))
        logits = self.writer.logits(tokens, seen, forced, generator)
        writing = functional.cross_entropy(logits.transpose(1, 2), targets, ignore_index=IGNORE)
        hits = ((logits.argmax(dim=-1) == targets).sum() / (targets != IGNORE).sum()).detach()
        total, parts = writing, {"accuracy": hits, "writing": writing.detach()}
        told = [i for i, caption in enumerate(batch.text.captions) if caption]
        if told:
            captioned = batch.rows(told)
            reading = self._reading(captioned).mean()
            total, parts = total + reading, parts | {"reading": reading.detach()}
            if self.config.align_weight and int(self.trained_steps) >= self.config.align_after:
                aligned = self.alignment(captioned, generator)
                total, parts = total + self.config.align_weight * aligned, parts | {"alignment": aligned.detach()}
        return Loss(total, parts)

    def follow(self, seen: Any, generator: torch.Generator) -> Mapping[str, float]:  # noqa: ARG002
        """Count the step: what is forced, and when the reader teaches, depends on it."""
        self.trained_steps += 1
        return {}

    def forcing(self) -> float:
        """Share of true codes that the writer looks back at now."""
        first, last = self.config.forcing
        return first + (last - first) * min(1.0, int(self.trained_steps) / self.config.forcing_steps)

    def alignment(self, batch: PriorBatch, generator: torch.Generator) -> Tensor:
        """Inverse alignment: the captions' cross entropy given codes that the writer draws; gradients reach it alone.

        Args:
            batch: Captioned sequences, whose lengths the drawn ones have.
        """
        count = batch.codes.shape[1] * self.codes.codes_per_step
        seen = self.writer.look(batch.text)
        drawn = self.writer.free(count, seen, self.config.gumbel_temperature, generator)
        frozen = {name: value.detach() for name, value in self.reader.named_parameters()}
        states = drawn @ frozen["code.weight"][:-1]
        steps = states.unflatten(1, (-1, self.codes.codes_per_step)).sum(dim=2)
        with _at_rest(self.reader):
            each = functional_call(self.reader, frozen, (steps, batch.inside, self._words(batch)))
        aligned: Tensor = each.mean()
        return aligned

    @torch.no_grad()
    def score(self, batch: PriorBatch) -> Score:
        """Exact likelihood per sequence."""
        tokens, targets = tokens_of(batch, self.codes)
        always = torch.ones_like(tokens, dtype=torch.bool)
        logits = self.writer.logits(tokens, self.writer.look(batch.text), always, torch.Generator())
        return score_of(logits, targets)

    @torch.no_grad()
    def tell(self, codes: Sequence[Tensor], beams: Beams) -> list[list[Told]]:
        """See `Captioner`."""
        return [
            [Told(self.vocabulary.text(ids), score) for ids, score in self.reader.tell(one, beams)] for one in codes
        ]

    @torch.no_grad()
    def surprise(self, codes: Sequence[Tensor], captions: Sequence[str]) -> Tensor:
        """See `Captioner`."""
        padded = pad_sequence(list(codes), batch_first=True, padding_value=PAD)
        words = self.vocabulary.ids(captions, self.config.max_words, padded.device)
        each: Tensor = self.reader(self.reader.states(padded), padded[..., 0] != PAD, words)
        return each

    @torch.no_grad()
    def _written(
        self,
        text: TextFeatures,
        wanted: Sequence[int] | None,
        sampling: TokenSampling,
        generator: torch.Generator,
        fixed: Tensor | None,
    ) -> Iterator[Tensor]:
        count, guided, levels = len(text.sentence), sampling.guidance != 1.0, self.codes.codes_per_step
        seen = self.writer.look(with_null(text) if guided else text)
        token, state = self.writer.start(len(seen.first)), seen.first
        ended = torch.zeros(count, dtype=torch.bool, device=state.device)
        step: list[Tensor] = []
        for position in range(self._longest(wanted) * levels):
            logits, state = self.writer.step(token, state, seen, position)
            logits = guide(logits[:count], logits[count:], sampling.guidance) if guided else logits
            logits = logits.masked_fill(~self.writer.allowed[position % levels], -torch.inf)
            if wanted is not None or position == 0:  # never an empty motion
                logits[:, self.writer.end_id] = -torch.inf
            ids = kept(draw(logits, sampling, generator), fixed, position, self.codes)
            ended = ended | (ids == self.writer.end_id)
            if bool(ended.all()):
                return
            step.append((ids - position % levels * self.codes.codebook_size).masked_fill(ended, PAD))
            if len(step) == levels:
                yield torch.stack(step, dim=1)
                step = []
            token = self.writer.token(ids.repeat(2) if guided else ids)

    def _reading(self, batch: PriorBatch) -> Tensor:
        """Cross entropy (B,) of captions given the true codes."""
        states = self.reader.states(batch.codes)
        each: Tensor = self.reader(states, batch.inside, self._words(batch), self.config.label_smoothing)
        return each

    def _words(self, batch: PriorBatch) -> Tensor:
        return self.vocabulary.ids(batch.text.captions, self.config.max_words, batch.codes.device)

    def _know(self, words: Sequence[str]) -> None:
        self.vocabulary = Vocabulary(words)
        self.reader.learn_words(len(self.vocabulary))


@contextmanager
def _at_rest(module: nn.Module) -> Iterator[None]:
    """Without dropout inside the `with`."""
    training = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(training)
