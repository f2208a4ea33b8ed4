"""Schema of params.yaml: complete, without unknown keys, every field bounded and described.

The settings of one kind of model (`tokenizers.<name>.model`) are a `Config` beside that model;
`motionlib.settings.check` holds them against the registries, so that a typo stops before the first stage.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)


class Section(BaseModel):
    """A part of params.yaml: complete, without unknown keys, unchangeable once read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Judging(Section):
    """Thresholds of `ingest.judge`; docs/judging.md shows where each stands among the takes of real libraries."""

    leap_speed: PositiveFloat = Field(default=20.0, description="m/s; sprinters reach 12.4: a faster root leaps")
    pop_speed: PositiveFloat = Field(default=12.0, description="m/s; a joint seen from the pelvis, in one frame only")
    spike_metres: PositiveFloat = Field(default=0.06, description="m; a joint out and back within 0.1 s")
    spike_count: NonNegativeInt = Field(default=10, description="spikes that are interpolated; with more: quarantine")
    spike_share: PositiveFloat = Field(default=0.05, lt=1.0, description="share of the frames that may be spikes")
    pose_seconds: PositiveFloat = Field(default=0.25, description="s; a T-pose or held frames from which they are cut")
    held_share: PositiveFloat = Field(default=0.3, le=1.0, description="share of frames that repeat the one before")
    frozen_seconds: PositiveFloat = Field(default=0.5, description="s; an elbow or knee that does not move at all")
    jitter_mm: PositiveFloat = Field(default=2.0, description="mm; noise of the median joint from frame to frame")
    skate: PositiveFloat = Field(default=0.35, description="m/s; lower quartile of the speed of what touches the floor")
    sink: PositiveFloat = Field(default=0.12, description="m; depth of a joint below the floor")
    floor: PositiveFloat = Field(default=0.15, description="m; height of the floor above or below that of the file")
    float_seconds: PositiveFloat = Field(default=1.0, description="s; nobody jumps that long")
    pull: PositiveFloat = Field(default=2.5, description="of gravity; downward acceleration that 1 % exceed")
    fall_low: PositiveFloat = Field(default=0.5, description="of gravity; free fall slower than this: rate too low")
    fall_high: PositiveFloat = Field(default=2.0, description="of gravity; free fall faster than this: rate too high")
    tempo_low: PositiveFloat = Field(default=0.3, description="Hz; limbs slower than this: rate too low")
    tempo_high: PositiveFloat = Field(default=4.6, description="Hz; limbs faster than this: rate too high")
    haste: PositiveFloat = Field(default=4.2, description="Hz; tempo times the root of pull: rate too high")
    stride_low: PositiveFloat = Field(default=0.09, description="m s; a step's length times its time; rate too high")
    stride_high: PositiveFloat = Field(default=1.2, description="m s; the same; rate too low")
    root_high: PositiveFloat = Field(default=5.0, description="way of the root per way of the standing foot")
    root_low: PositiveFloat = Field(default=0.05, description="the same; a treadmill is 0, with a floor at 0")
    side_ratio: PositiveFloat = Field(default=2.0, description="speed of the other limb to that of the named one")
    side_speed: PositiveFloat = Field(default=0.1, description="m/s; a limb slower than it does nothing to be named")
    side_turn: PositiveFloat = Field(default=45.0, description="degrees turned to the side that is not named")
    duplicate_share: PositiveFloat = Field(
        default=0.9, le=1.0, description="of the longer take that must be the same motion; below it: a crop"
    )
    duplicate_points: PositiveInt = Field(default=8, description="turning points of limbs that two takes must share")
    duplicate_agreement: PositiveFloat = Field(
        default=0.7, le=1.0, description="share of turning points that must come at the same moment in both takes"
    )
    duplicate_place: PositiveFloat = Field(default=0.006, description="leg lengths; median distance of turning points")
    duplicate_body: PositiveFloat = Field(default=0.01, description="leg lengths; that, before bodies are evened out")
    related_points: PositiveInt = Field(default=12, description="the same three for one motion on another body")
    related_agreement: PositiveFloat = Field(default=0.6, le=1.0, description="see duplicate_agreement")
    related_place: PositiveFloat = Field(default=0.0125, description="leg lengths; see duplicate_place")


class Ingest(Section):
    """Parameters of the `ingest` stage."""

    min_seconds: PositiveFloat = Field(description="s; shorter takes are quarantined")
    max_fps: PositiveFloat = Field(description="Hz; a header that claims more is doubted")
    seconds_per_file: PositiveFloat = Field(default=60.0, description="s; reading and judging a file is then given up")
    body_models: str = Field(default="", description="folder of your own SMPL files; empty: the published average body")
    judging: Judging = Judging()

    @property
    def body_models_folder(self) -> Path | None:
        """`body_models` as a path; None where there is none."""
        return Path(self.body_models) if self.body_models else None


class Normalize(Section):
    """Parameters of the `normalize` stage."""

    mode: Literal["compat", "exact"] = Field(
        description="compat: the published features, faults included; exact: without them (docs/features.md)"
    )
    fps: PositiveFloat = Field(description="Hz every clip is resampled to")
    min_frames: PositiveInt = Field(description="feature rows; shorter clips are left out")
    max_frames: PositiveInt = Field(description="feature rows; longer captioned spans are cropped to this")
    contact_threshold: PositiveFloat = Field(description="m^2 per frame^2; a foot slower than this is on the floor")
    contact_speed: PositiveFloat = Field(default=0.3, description="exact: m/s below which a low foot stands")
    contact_height: PositiveFloat = Field(default=0.1, description="exact: m below which a slow toe joint stands")
    mirror: bool = Field(description="add every training clip mirrored, left and right swapped in captions too")
    test_share: PositiveFloat = Field(lt=0.5, description="share of takes held out for test")
    val_share: PositiveFloat = Field(lt=0.5, description="share of takes held out for validation")
    split_seed: int = Field(description="another number gives another split")
    group_by: Literal["take", "subject"] = Field(
        default="take", description="what stays on one side of the split: takes that share motion, or whole subjects"
    )
    unseen: tuple[str, ...] = Field(
        default=(),
        description="takes that are never trained on but measured apart, by patterns of their ids: 'studio_b/*'",
    )

    @model_validator(mode="after")
    def _pieces_are_long_enough(self) -> "Normalize":
        if self.max_frames < 2 * self.min_frames:
            raise ValueError("max_frames must be at least twice min_frames: longer spans are cut into equal pieces")
        return self


class Text(Section):
    """Parameters of the `encode_text` stage."""

    encoder: str = Field(description="minilm | hash:<dim> | clip:<folder> | t5:<folder>")
    max_tokens: PositiveInt = Field(description="word pieces kept of a caption")


class Train(Section):
    """How a model is trained; the same fields for every model."""

    steps: PositiveInt = Field(description="optimiser steps at most")
    passes: NonNegativeFloat = Field(default=0.0, description="passes over the training data at most; 0: no limit")
    batch_size: PositiveInt
    learning_rate: PositiveFloat
    warmup_steps: NonNegativeInt = Field(description="steps of linear warm-up")
    schedule: Literal["constant", "cosine", "step"] = Field(description="learning rate after the warm-up")
    milestones: tuple[PositiveInt, ...] = Field(default=(), description="steps at which `step` multiplies by gamma")
    gamma: PositiveFloat = Field(default=0.05, le=1.0, description="factor at each milestone")
    betas: tuple[NonNegativeFloat, NonNegativeFloat] = Field(default=(0.9, 0.99), description="AdamW")
    weight_decay: NonNegativeFloat = 0.0
    clip_norm: NonNegativeFloat = Field(default=0.0, description="0: gradients are not clipped")
    ema_decay: NonNegativeFloat = Field(default=0.0, lt=1.0, description="EMA of weights; 0: off")
    precision: Literal["fp32", "bf16"] = Field(default="fp32", description="of layers in training; weights stay fp32")
    checkpoint_every: PositiveInt = Field(description="steps between checkpoints")
    validate_every: PositiveInt = Field(description="steps between validations")
    patience: NonNegativeInt = Field(default=0, description="validations without gain before stopping; 0: never")
    seed: NonNegativeInt


class EvaluatorEntry(Section):
    """One evaluator that `train_evaluator@<name>` trains, or takes as it is given."""

    kind: str = Field(description="a key of EVALUATORS")
    model: dict[str, Any] = Field(description="settings of that kind, checked by its own Config")
    train: Train | None = Field(default=None, description="left out where the kind is given, not trained")

    @property
    def seed(self) -> int:
        """Of its training; 0 where there is none."""
        return self.train.seed if self.train else 0


class TokenizerEntry(Section):
    """One tokenizer that `train_tokenizer@<name>` trains."""

    kind: str = Field(description="a key of TOKENIZERS")
    model: dict[str, Any] = Field(description="settings of that kind, checked by its own Config")
    window_frames: PositiveInt = Field(description="feature rows in a training window")
    train: Train


class OffDistribution(Section):
    """Parameters of the `off_distribution` stages: what is held out, and how long the short trainings are."""

    hold_out: tuple[str, ...] = Field(
        default=(), description="tokenizers trained anew without each group; the others are measured as they are"
    )
    criteria: tuple[Literal["source", "subject", "action"], ...] = Field(
        default=("source", "subject", "action"), description="by what a group is held out, one fold each"
    )
    share: PositiveFloat = Field(
        default=0.2, lt=0.7, description="of the training rows; the group nearest to it is held out"
    )
    clusters: int = Field(default=8, ge=2, le=1000, description="of motion, where takes have no action label")
    steps_share: PositiveFloat = Field(default=0.1, le=1.0, description="of the tokenizer's own training steps")
    most_steps: PositiveInt = Field(default=200, description="steps of a short training at most")
    most_clips: int = Field(default=60, ge=2, description="takes that are measured of each held-out set at most")
    known_clips: PositiveInt = Field(default=300, description="training clips that a short training remembers")
    reference_clips: PositiveInt = Field(default=2000, description="training clips that the tokenizer itself remembers")
    windows: PositiveInt = Field(default=4000, description="training windows that a delivery is held against")
    resamples: PositiveInt = Field(default=1000, description="bootstrap resamples of an interval")
    seed: NonNegativeInt = Field(default=17, description="of clusters and draws")


class PriorData(Section):
    """How a prior's training sequences are varied."""

    trim: NonNegativeFloat = Field(default=1 / 3, le=1.0, description="share that loses its first or last step")
    untexted: NonNegativeFloat = Field(default=1.0, description="weight of a step without caption against one with")
    similar: PositiveFloat = Field(
        default=0.25, le=1.0, description="share of the lengths that one batch is drawn from, so that little is padding"
    )
    score_batch: PositiveInt = Field(default=64, description="sequences scored at once; does not change the result")


class PriorEntry(Section):
    """One prior that `train_prior@<name>` trains."""

    kind: str = Field(description="a key of PRIORS")
    tokenizer: str = Field(description="a key of `tokenizers`, whose codes it learns")
    model: dict[str, Any] = Field(description="settings of that kind, checked by its own Config")
    sampling: dict[str, Any] = Field(description="settings of generation, checked by the prior's Sampling")
    data: PriorData = PriorData()
    threads: NonNegativeInt = Field(
        default=1,
        description="of torch on the CPU; a second one waits more than it works on a small model; 0: all cores",
    )
    train: Train


class Evaluate(Section):
    """Parameters of the `evaluate` stage."""

    evaluator: str = Field(description="the key of `evaluators` that leads every table and stands before the gate")
    protocol: Literal["sound", "published"] = Field(
        description="sound: FID only where it means something; published: as the tables, flaws included"
    )
    repeats: PositiveInt = Field(description="how often sampled metrics are repeated")
    resamples: PositiveInt = Field(description="bootstrap resamples of an interval")
    batch: PositiveInt = Field(description="pool of a retrieval; 32 as published")
    seed: NonNegativeInt
    captioner: str = Field(
        default="",
        description="bundle whose prior tells generated motion in words again; empty: a prior that can tells its own",
    )
    bert_model: str = Field(
        default="", description="folder of a BERT-type model, by which captions are compared too; empty: left out"
    )
    bert_layer: NonNegativeInt = Field(default=0, description="hidden layer compared: 17 of roberta-large; 0: the last")
    bert_idf: bool = Field(default=False, description="rare word pieces count more, as in TM2T's tables")


class ComparePriors(Section):
    """Parameters of the `compare_priors` stage."""

    prompts: tuple[str, ...] = Field(min_length=1, description="sentences that every prior is given")
    seconds: PositiveFloat = Field(le=600, description="length of each motion")
    seed: NonNegativeInt


class BundleChoice(Section):
    """Parameters of the `bundle` stage."""

    prior: str = Field(description="the key of `priors` that is bundled")
    tokenizer: str = Field(description="its tokenizer, as `priors` says; repeated so that dvc.yaml can name its files")


class Bar(Section):
    """What the gate asks of one per-clip metric of reports/evaluate."""

    margin: NonNegativeFloat = Field(description="relative worsening that is still allowed")
    goal: NonNegativeFloat = Field(default=0.0, description="relative gain beyond which it counts as better")
    of_evaluator: bool = Field(default=False, description="comparable only where one evaluator judged both")
    larger_is_better: bool = False


SliceName = Literal["action", "delivery", "rig", "speed", "style", "subject", "turn"]


class SliceRule(Section):
    """Parts of the held-out clips that may not get worse behind a good mean."""

    by: tuple[SliceName, ...] = Field(description="properties of the clips under `slices` in reports/evaluate")
    margin: NonNegativeFloat = Field(description="relative worsening of one slice that is still allowed")
    min_clips: PositiveInt = Field(description="slices of fewer clips are not looked at, and counted")


class Promote(Section):
    """The gate: what a challenger must show against the champion."""

    require: Literal["better", "not_worse"] = Field(description="better: at least one metric has to gain for certain")
    metrics: dict[str, Bar] = Field(min_length=1, description="per-clip metrics of reports/evaluate; all count")
    worthwhile: NonNegativeFloat = Field(description="relative gain worth waiting for: certainly less is a plain no")
    min_clips: PositiveInt = Field(description="fewer held-out clips than this: not enough data")
    slices: SliceRule
    limits: dict[str, PositiveFloat] = Field(description="costs of the bundle, such as megabytes, at most")
    commercial_licences: tuple[str, ...] = Field(description="all that the alias `commercial` may rest on")
    confidence: PositiveFloat = Field(lt=1.0, description="of the paired bootstrap interval")
    resamples: PositiveInt = Field(description="bootstrap resamples of that interval")
    seed: NonNegativeInt


class Params(Section):
    """params.yaml."""

    ingest: Ingest
    normalize: Normalize
    text: Text
    evaluators: dict[str, EvaluatorEntry] = Field(min_length=1)
    tokenizers: dict[str, TokenizerEntry]
    off_distribution: OffDistribution = OffDistribution()
    priors: dict[str, PriorEntry]
    evaluate: Evaluate
    compare_priors: ComparePriors
    bundle: BundleChoice
    promote: Promote

    @model_validator(mode="after")
    def _what_is_held_out_is_known(self) -> "Params":
        unknown = sorted(set(self.off_distribution.hold_out) - self.tokenizers.keys())
        if unknown:
            raise ValueError(f"off_distribution.hold_out names {', '.join(unknown)}; known: {sorted(self.tokenizers)}")
        return self


def apart_from_seeds(entries: Mapping[str, PriorEntry]) -> dict[str, PriorEntry]:
    """Of entries that differ in the seed of their training only, the first by name."""
    first: dict[str, tuple[str, PriorEntry]] = {}
    for name, entry in sorted(entries.items()):
        seedless = entry.model_copy(update={"train": entry.train.model_copy(update={"seed": 0})})
        first.setdefault(seedless.model_dump_json(), (name, entry))
    return dict(first.values())


def load(path: Path = Path("params.yaml")) -> Params:
    """Read and check the whole file, so that a typo in the last section stops the first stage.

    Raises:
        pydantic.ValidationError: (a ValueError) naming the key and the bound.
    """
    return Params.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
