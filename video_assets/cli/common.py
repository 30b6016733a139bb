"""What all commands share: the data root, exit codes.

Does not belong here: commands (`cli.app`, `cli.shards`), how things look (`terminal`).
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from video_assets.cli import terminal
from video_assets.core.errors import MendableError, UsageError

DataRoot = Annotated[
    Path, typer.Option("--data-root", envvar="VIDEO_ASSETS_DATA_ROOT", help="Folder of all tables, results and Dagster's runs.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout instead of text.")]
Workers = Annotated[int | None, typer.Option(min=0, help="Worker processes; 0 = one per CPU.", show_default=False)]

_ALL_IS_KEPT = "stopped; everything done so far is kept, the same command goes on from here"


def use_data_root(data_root: Path) -> Path:
    """Point settings, Dagster and child processes at one data root."""
    root = Path(os.path.abspath(data_root.expanduser()))  # noqa: PTH100 - resolve() would follow symbolic links
    os.environ["VIDEO_ASSETS_DATA_ROOT"] = str(root)
    return root


@contextmanager
def exit_codes(*, failed: int = 1, stopped: str = _ALL_IS_KEPT) -> Iterator[None]:
    """Errors that a person can mend become one line and an exit code; anything else is a bug and keeps its traceback."""
    try:
        yield
    except ValidationError as error:
        for problem in error.errors():
            terminal.fail(f"setting {'.'.join(map(str, problem['loc']))}: {problem['msg']} (given: {problem['input']!r})")
        raise typer.Exit(2) from None
    except UsageError as error:
        terminal.fail(str(error))
        raise typer.Exit(2) from None
    except (MendableError, OSError) as error:
        terminal.fail(str(error))
        raise typer.Exit(failed) from None
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not kill the way out: the exit code would be another
        terminal.say(stopped)
        raise typer.Exit(130) from None
