"""The person's door: one command per sentence, each calling what is below and nothing else.

Exit codes: 0 done, 1 the answer is no, 2 the request was wrong. Results on stdout, progress on stderr. The commands
import what they need when they run, so that `motionlib --help` needs neither torch nor MLflow.
"""

import click

from motionlib.cli.captions import caption
from motionlib.cli.codebook import codebook, search
from motionlib.cli.common import Door
from motionlib.cli.deliveries import check, fetch
from motionlib.cli.evaluator import evaluator
from motionlib.cli.features import features, recover
from motionlib.cli.generation import edit, generate
from motionlib.cli.leaderboard import leaderboard
from motionlib.cli.motions import convert
from motionlib.cli.promotion import journal, lineage, models, promote, rollback
from motionlib.cli.rig import rig
from motionlib.cli.service import board, params
from motionlib.cli.smpl import smpl
from motionlib.cli.tokens import decode, encode, reconstruct

COMMANDS = (
    check,
    rig,
    convert,
    features,
    recover,
    encode,
    decode,
    reconstruct,
    generate,
    edit,
    caption,
    search,
    codebook,
    models,
    promote,
    rollback,
    journal,
    lineage,
    leaderboard,
    fetch,
    smpl,
    evaluator,
    board,
    params,
)


class _InOrder(Door):
    """Lists the commands in the order of COMMANDS: mocap in, models, promotion, the project."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in order."""
        del ctx
        return list(self.commands)


@click.group(cls=_InOrder, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="motionlib")
def main() -> None:
    """Mocap to discrete motion codes, and text to motion.

    Every command has --help with an example, and --json. Exit codes: 0 done, 1 the answer is no, 2 the request was
    wrong.

    \b
    Example: motionlib generate "a person walks forward" -o walk.bvh --seed 1
    """


for _command in COMMANDS:
    main.add_command(_command)
