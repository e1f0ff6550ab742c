"""The command ``washtest``: starts the command line and turns errors into one line and an exit code."""

from __future__ import annotations

import atexit
import gc
import os
import sys


def main() -> None:
    """Run the command line.

    Exit codes: 0 done; 1 done, but some cells failed; 2 bad usage or input, one line says what and how to mend it;
    130 interrupted, and the same command goes on where it stopped.
    """
    import click

    from bench.cli import cli
    from bench.cli.common import note
    from bench.errors import CodedError, UserError

    # Else Python looks through all that was loaded for cycles when it ends: a sixth of the time that a list takes.
    atexit.register(gc.freeze)
    try:
        code = cli.main(prog_name="washtest", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as request:
        code = request.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (UserError, CodedError) as error:
        note(f"washtest: {error}")
        code = 2
    except (KeyboardInterrupt, click.Abort):
        print("washtest: interrupted", file=sys.stderr)
        code = 130
    except BrokenPipeError:  # the reader of our output left, as ``head`` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except OSError as error:  # a folder that may not be read, a name that is too long, a disk that fails
        note(f"washtest: {error}")
        code = 2
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
