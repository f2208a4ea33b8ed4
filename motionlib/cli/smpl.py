"""Commands about SMPL body models, which everybody brings along under their own licence."""

from pathlib import Path

import click

from motionlib.cli.common import answer, existing, json_option, output


@click.group()
def smpl() -> None:
    """Body-model files of SMPL, SMPL-H and SMPL-X.

    \b
    Example: motionlib smpl convert SMPL_NEUTRAL.pkl models/smpl/SMPL_NEUTRAL.npz
    """


@smpl.command(epilog="Example: motionlib smpl convert SMPL_NEUTRAL.pkl models/smpl/SMPL_NEUTRAL.npz")
@click.argument("source", type=existing())
@click.argument("target", type=output())
@json_option
def convert(source: Path, target: Path, as_json: bool) -> None:
    """Turn a pickled body model (.pkl) into arrays (.npz) without running the pickle.

    It is read in a process of its own with little memory and time, by a reader that knows arrays and nothing else.
    Name the folder of the results in params.yaml as `ingest.body_models`.
    """
    from motionlib.ingest.smpl_convert import convert as convert_pickle

    if target.suffix.lower() != ".npz":
        raise ValueError(f"{target}: the result is an .npz file")
    done = convert_pickle(source, target)
    shapes = {name: list(shape) for name, shape in done.shapes.items()}
    facts = {"path": str(target), "arrays": shapes, "left_out": list(done.left_out), "bytes": done.size}
    left = f"; left out: {', '.join(done.left_out)}" if done.left_out else ""
    joints, vertices = done.shapes["J_regressor"][:2] if len(done.shapes["J_regressor"]) > 1 else (0, 0)
    betas = done.shapes["shapedirs"][-1]
    answer(facts, as_json, f"{target}: {joints} joints, {vertices} vertices, {betas} shapes{left}")
