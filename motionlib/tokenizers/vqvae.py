"""The VQ-VAE of T2M-GPT: the reference tokenizer.

Source: Zhang et al., "T2M-GPT", CVPR 2023, arXiv:2301.06052, section 3.1; code at b1446f1.
"""

from typing import ClassVar

from motionlib.tokenizers.base import Settings
from motionlib.tokenizers.vector import BookAutoencoder, BookConfig


class VqVaeConfig(BookConfig):
    """Settings of `vqvae`; the defaults are T2M-GPT's as published, but for `reset` (T2M-GPT: `t2mgpt`)."""


class VqVae(BookAutoencoder):
    """Convolutions down to a quarter of the frame rate, one code per step, convolutions back up."""

    Config: ClassVar[type[Settings]] = VqVaeConfig
