"""Commands that tell motion in words."""

from pathlib import Path

import click

from motionlib.cli.common import answer, existing, json_option, load_model, model_option, read_features


@click.command(epilog="Example: motionlib caption take.bvh --count 3")
@click.argument("sources", metavar="SOURCE...", type=existing(), nargs=-1, required=True)
@click.option("--count", type=click.IntRange(1, 50), default=1, show_default=True, help="Captions for each motion.")
@click.option("--beams", type=click.IntRange(1, 100), default=4, show_default=True, help="Rows that the search keeps.")
@model_option
@json_option
def caption(sources: tuple[Path, ...], count: int, beams: int, name: str, as_json: bool) -> None:
    """Tell in words what motions show; the model's prior must be one that writes captions (kind nmt).

    SOURCE is any readable mocap, or .npy joints or features. A motion longer than the model reads at once is told part
    after part. A score is the log probability of a caption over its length: nearer to 0 is surer.
    """
    from motionlib.priors.sampling import Beams
    from motionlib.promotion.telling import captioner, tell

    model = load_model(name)
    captioner(model)  # before any file is read
    lines, found = [], []
    for source in sources:
        try:
            parts = tell(model, read_features(source, model.mode), Beams(width=max(beams, count)))
        except ValueError as error:
            raise error if str(source) in str(error) else ValueError(f"{source}: {error}") from error
        for part in parts:
            told = [{"text": one.text, "score": round(one.score, 4)} for one in part.captions[:count]]
            found.append({"path": str(source), "start": part.start, "end": part.end, "captions": told})
            span = f" {part.start:.2f}-{part.end:.2f} s" if len(parts) > 1 else ""
            lines += [f"{source}{span}: {one['text']}  ({one['score']:.2f})" for one in told]
    answer({"motions": found}, as_json, "\n".join(lines))
