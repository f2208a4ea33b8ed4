"""The bundle as an MLflow model, as code instead of a pickle: `mlflow.pyfunc.load_model("models:/motion@champion")`."""

from pathlib import Path
from typing import Any

import mlflow.models
import pandas as pd  # type: ignore[import-untyped]
from mlflow.pyfunc import PythonModel, PythonModelContext


class MotionPyfunc(PythonModel):  # type: ignore[misc]
    """Texts in, motions out."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the bundle, checking every file."""
        from motionlib.promotion.bundle import Bundle  # here, so that logging the model does not need torch

        self.bundle = Bundle.load(Path(context.artifacts["bundle"]))

    def predict(
        self,
        context: PythonModelContext,  # noqa: ARG002 (MLflow's signature)
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """One motion per text.

        Args:
            model_input: Sentences, as a table with one column, which MLflow makes of a list.
            params: `seed`, and `seconds` (0: the model decides).

        Returns:
            Per text {"text", "fps" (Hz), "joints": (T, 22, 3) float32 metres, y up}.
        """
        from motionlib.normalize import positions_of

        chosen = params or {}
        texts = [str(text) for text in model_input.iloc[:, 0]]
        motions = self.bundle.generate(texts, chosen.get("seconds") or None, seed=int(chosen.get("seed", 0)))
        return [{"text": one.text, "fps": one.fps, "joints": positions_of(one.features)} for one in motions]


mlflow.models.set_model(MotionPyfunc())
