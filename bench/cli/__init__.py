"""The command line. Each module holds the commands of one purpose; heavy imports wait until a command needs them."""

from __future__ import annotations

import click

from bench import __version__
from bench.cli import (
    comparing,
    datasets,
    export,
    files,
    gallery,
    leaderboard,
    machine,
    merging,
    planning,
    policy,
    runs,
    training,
    weights,
)
from bench.cli.common import Group


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "-V", "--version", message="washtest %(version)s")
def cli() -> None:
    """Does the label survive the wash, and what does the detector get wrong when it does not?

    \b
    Examples:
      washtest run                                      the quick suite on the photographs that come with washtest
      washtest run standard --dataset my/set --jobs 4   the full curves on your own data
      washtest inspect picture.jpg                      which AI labels a file carries
      washtest attack 'Jpeg(quality=50)' in.png out.jpg
      washtest dataset check my/set                     leaks, missing files, licences, format bias
    """


for module in (
    runs,
    planning,
    merging,
    comparing,
    policy,
    gallery,
    leaderboard,
    training,
    export,
    files,
    datasets,
    machine,
    weights,
):
    for command in module.COMMANDS:
        cli.add_command(command)
