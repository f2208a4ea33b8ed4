"""The bundle as an MLflow model, as code instead of a pickle: `mlflow.pyfunc.load_model("models:/motion@champion")`."""

from pathlib import Path
from typing import Any

import mlflow.models
from mlflow.pyfunc import PythonModel, PythonModelContext


class MotionPyfunc(PythonModel):  # type: ignore[misc]
    """Texts in, motions out."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the bundle, checking every file."""
        from motionlib.promotion.bundle import Bundle  # here, so that logging the model does not need torch

        self.bundle = Bundle.load(Path(context.artifacts["bundle"]))

    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]  # noqa: ARG002 (MLflow's)
        """One motion per text.

        Args:
            context: MLflow's. model_input: Sentences: a list, or a table with one column.
            params: `seed`, and `seconds` (0: the model decides).

        Returns:
            Per text {"text", "fps" (Hz), "joints": (T, 22, 3) float32 metres, y up}.
        """
        from motionlib.normalize import positions_of

        chosen = params or {}
        motions = self.bundle.generate(
            _texts(model_input), seconds=chosen.get("seconds") or None, seed=int(chosen.get("seed", 0))
        )
        return [{"text": one.text, "fps": one.fps, "joints": positions_of(one.features)} for one in motions]


def _texts(given: Any) -> list[str]:
    if hasattr(given, "iloc"):  # a pandas table, which MLflow makes of a list
        return [str(text) for text in given.iloc[:, 0]]
    return [given] if isinstance(given, str) else [str(text) for text in given]


mlflow.models.set_model(MotionPyfunc())
