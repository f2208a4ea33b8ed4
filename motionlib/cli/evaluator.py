"""Commands about evaluators, which judge motion and text."""

from pathlib import Path

import click

from motionlib.cli.common import answer, existing, json_option


@click.group()
def evaluator() -> None:
    """Evaluators that somebody else trained.

    \b
    Example: motionlib evaluator convert finest.tar models/published/guo --mean mean.npy --std std.npy --words glove
    """


@evaluator.command(
    epilog="Example: motionlib evaluator convert finest.tar models/published/guo "
    "--mean mean.npy --std std.npy --words glove"
)
@click.argument("checkpoint", type=existing())
@click.argument("target", type=click.Path(file_okay=False, path_type=Path))
@click.option("--mean", type=existing(), required=True, help="mean.npy of the evaluator's own meta folder.")
@click.option("--std", type=existing(), required=True, help="std.npy beside it.")
@click.option("--words", type=existing(), required=True, help="Folder of our_vab_data.npy, _words.pkl and _idx.pkl.")
@json_option
def convert(checkpoint: Path, target: Path, mean: Path, std: Path, words: Path, as_json: bool) -> None:
    """Turn the files of a published evaluator (Guo et al., CVPR 2022) into a folder that params.yaml can name.

    CHECKPOINT is `text_mot_match/model/finest.tar`. It and the words are read in processes of their own with little
    memory and time, by a reader that knows tensors and words and nothing else. Statistics are the evaluator's
    (`meta/mean.npy`), not the data set's `Mean.npy`.
    """
    from motionlib.evaluation.published_files import convert as convert_files

    model = convert_files(checkpoint, mean, std, words, target)
    config = model.config
    facts = {
        "path": str(target),
        "id": model.id,
        "features": model.features,
        "embedding": config.embedding,
        "words": len(config.words),
        "parameters": sum(part.numel() for part in model.parameters()),
    }
    entry = f"  published:\n    kind: published\n    model: {{folder: {target}, id: {model.id}}}"
    told = f"{facts['parameters']} parameters, {model.features} features, {len(config.words)} words"
    answer(facts, as_json, f"{target}: {told}; under `evaluators` of params.yaml:\n{entry}")
