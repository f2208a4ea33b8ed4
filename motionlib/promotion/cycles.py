"""Who tells generated motion in words when a model is judged: a bundle that params.yaml names, or the model itself."""

from collections.abc import Sequence
from pathlib import Path

from motionlib import text
from motionlib.artifacts import TextTable
from motionlib.artifacts.modes import require_mode
from motionlib.evaluation.bertscore import BertScorer
from motionlib.evaluation.cycle import Cycle, Teller
from motionlib.params import Evaluate
from motionlib.priors.captioner import Captioner
from motionlib.promotion.bundle import Bundle
from motionlib.promotion.model import MotionModel
from motionlib.promotion.telling import teller

ITSELF = "itself"


def of(settings: Evaluate, model: MotionModel) -> Cycle | None:
    """The way from motion to text and what compares texts; None where nobody tells.

    Raises:
        BadArtifactError: If the named captioner is no bundle, or one of features of another mode.
        BadEncoderError: If the named BERT-type model cannot be had.
        ValueError: If the named captioner tells no motion in words.
    """
    chosen = _teller(settings.captioner, model)
    if chosen is None:
        return None

    def read(texts: Sequence[str]) -> TextTable:
        return TextTable(list(texts), *model.encoder.encode(texts), text.describe(model.encoder))

    bert = BertScorer(settings.bert_model, settings.bert_layer, settings.bert_idf) if settings.bert_model else None
    return Cycle(chosen, read, bert)


def _teller(folder: str, model: MotionModel) -> Teller | None:
    if folder:
        named = Bundle.load(Path(folder))
        require_mode(named.mode, model.mode, f"the captioner in {folder}")
        return teller(named, Path(folder).name)
    return teller(model, ITSELF) if isinstance(model.prior, Captioner) else None
