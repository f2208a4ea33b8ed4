"""A delivery against the champion before any training: its takes through the tokenizer, on the bands of the bundle."""

from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from motionlib import tokenizers
from motionlib.artifacts import Clip
from motionlib.evaluation.off_distribution import reference, words
from motionlib.evaluation.off_distribution.bands import Calibration
from motionlib.evaluation.off_distribution.measures import Coder, Known, Measured, measure
from motionlib.evaluation.off_distribution.verdict import judge
from motionlib.normalize.extraction import features_of
from motionlib.params import Normalize
from motionlib.promotion import registry
from motionlib.promotion.bundle import REFERENCE
from motionlib.promotion.listing import LISTING, bundle_id, check
from motionlib.tokenizers.doors import doors

LAST_BUNDLE = Path("models/bundle")
MOST_TAKES = 300  # of a delivery that are measured, evenly spread over its files; bounds time
LISTED = 12  # farthest takes on the page
DEFAULTS = Normalize(
    mode="compat", fps=20.0, min_frames=24, max_frames=196, contact_threshold=0.002, mirror=False,
    test_share=0.15, val_share=0.05, split_seed=1,
)  # fmt: skip


class NoYardstickError(ValueError):
    """There is no bundle to compare with, or one from before bundles held bands; the message says which."""


class Yardstick:
    """Measures takes one after the other; `result` gives the verdict on all of them.

    Args:
        name: What the bundle is called. bundle: Its id.
        coder, known, calibration: Its tokenizer, what is remembered of its training, and its bands.
        config: How takes become features. files: That the delivery has; of more than MOST_TAKES some are measured.
    """

    def __init__(
        self,
        name: str,
        bundle: str,
        coder: Coder,
        known: Known,
        calibration: Calibration,
        config: Normalize,
        files: int = 0,
    ) -> None:
        self.name, self.bundle, self.config, self.files = name, bundle, config, files
        self._coder, self._known, self._calibration = coder, known, calibration
        self._looked_at = 0
        self._found: dict[str, Measured] = {}
        self._refused: dict[str, str] = {}

    @classmethod
    def open(cls, name: str = "", config: Normalize = DEFAULTS, files: int = 0) -> Self:
        """The one of a bundle.

        Args:
            name: As `registry.folder_of` knows it; "": the champion, else the last bundle that was made here.

        Raises:
            NoYardstickError: If there is no bundle, or no bands in it.
            BadArtifactError: If a file of the bundle was changed.
        """
        called, folder = (name, registry.folder_of(name)) if name else _champion()
        facts = check(folder)["features"]
        if not (folder / REFERENCE).is_dir():
            raise NoYardstickError(f"{called} was bundled without the bands of stage `off_distribution`")
        known, calibration = reference.read(folder / REFERENCE)
        if calibration is None:
            raise NoYardstickError(f"{called} was trained with too few held-out clips to calibrate a score")
        model = tokenizers.load(folder / "tokenizer", mode=facts["mode"])
        coder = Coder(*doors(model))
        own = config.model_copy(update={"mode": facts["mode"], "fps": facts["fps"]})
        return cls(called, bundle_id(folder), coder, known, calibration, own, files)

    def look(self, clip: Clip) -> None:
        """Measure one take, or note why it cannot be; of many files only every so-and-so-many-th."""
        number, self._looked_at = self._looked_at, self._looked_at + 1
        if self.files > MOST_TAKES and number * MOST_TAKES // self.files == (number - 1) * MOST_TAKES // self.files:
            return
        one = features_of(clip, self.config)
        if one.rows is None or len(one.rows) < self.config.min_frames:
            self._refused[clip.info.id] = one.reason or "too_short"
            return
        found = measure(clip.info.id, one.rows, self._coder, self._known)
        if found is not None:
            self._found[clip.info.id] = found._replace(uses=np.zeros((0, 0), dtype=np.int64))

    def result(self, paths: Mapping[str, str], kept: Collection[str]) -> dict[str, Any]:
        """The verdict as JSON, with its sentences and a picture.

        Args:
            paths: Where each take lies, by id. kept: Ids of the takes that would be taken in.
        """
        found = [one for name, one in self._found.items() if name in kept]
        refused = Counter(reason for name, reason in self._refused.items() if name in kept)
        facts = {"model": self.name, "bundle": self.bundle, "kept": len(kept), "measured": len(found)}
        verdict = judge(found, self._calibration)
        if verdict is None:
            why = "no take could be measured"
            return {**facts, "verdict": None, "why": why, "sentences": [f"off-distribution: {why}"]}
        return {
            **facts,
            **verdict.numbers(),
            "clip_edge": self._calibration.edge,
            "calibration": self._calibration.numbers(),
            "not_measured": dict(sorted(refused.items())),
            "sentences": words.sentences(verdict, self._calibration, paths, len(kept)),
            "farthest": list(words.rows(verdict, paths, LISTED)),
        }


def _champion() -> tuple[str, Path]:
    folder = registry.champion_folder()
    if folder is not None:
        return registry.CHAMPION, folder
    if (LAST_BUNDLE / LISTING).is_file():
        return "the last bundle", LAST_BUNDLE
    raise NoYardstickError("there is no champion to compare with yet")
