"""What all commands share: the data root, options that many have, errors in words and as exit codes.

Does not belong here: commands (`cli.app`, `cli.looking`, `cli.shards`), how things look (`terminal`).
"""

import errno
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError

from video_assets.cli import terminal
from video_assets.core.errors import MendableError, UsageError
from video_assets.storage.layout import Layout

DataRoot = Annotated[
    Path, typer.Option("--data-root", envvar="VIDEO_ASSETS_DATA_ROOT", help="Folder of all tables, results and Dagster's runs.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout instead of text.")]
Workers = Annotated[int | None, typer.Option(min=0, help="Worker processes; 0 = one per CPU.", show_default=False)]

_ALL_IS_KEPT = "stopped; everything done so far is kept, the same command goes on from here"
_HINTS = {
    errno.EROFS: "it cannot be written to; choose another place with --data-root",
    errno.EACCES: "you have no permission; ask its owner, or choose another place with --data-root",
    errno.EPERM: "this is not permitted; ask its owner, or choose another place with --data-root",
    errno.ENOENT: "there is nothing of that name",
    errno.ENOTDIR: "a part of this path is no folder",
    errno.ENOSPC: "the disk is full; free some space and run the same command again",
    errno.EDQUOT: "your quota is used up; free some space and run the same command again",
    errno.EIO: "the storage did not deliver it; look at the mount and run the same command again",
    errno.ESTALE: "the storage did not deliver it; look at the mount and run the same command again",
}


def use_data_root(data_root: Path) -> Path:
    """Point settings, Dagster and child processes at one data root.

    Raises:
        UsageError: it is a file.
    """
    root = Path(os.path.abspath(data_root.expanduser()))  # noqa: PTH100 - resolve() would follow symbolic links
    if root.is_file():
        raise UsageError(f"{root} is a file: --data-root takes a folder, which is made when it is not there")
    os.environ["VIDEO_ASSETS_DATA_ROOT"] = str(root)
    return root


def find_data_root(data_root: Path) -> Path:
    """As `use_data_root`, for commands that only look: a mistyped name is said, not made.

    Raises:
        UsageError: there is no data root.
    """
    root = use_data_root(data_root)
    if not Layout(root).is_there:
        raise UsageError(f"{root} is no data root: nothing was ever run there. Is --data-root right? `video-assets run` makes it")
    return root


@contextmanager
def exit_codes(*, failed: int = 1, stopped: str = _ALL_IS_KEPT) -> Iterator[None]:
    """Errors that a person can mend become one line and an exit code; anything else is a bug and keeps its traceback."""
    try:
        yield
    except ValidationError as error:
        from video_assets.settings.problems import describe

        for problem in describe(error):
            terminal.fail(problem)
        raise typer.Exit(2) from None
    except SettingsError as error:
        from video_assets.settings.problems import describe_unparsable

        terminal.fail(describe_unparsable(error))
        raise typer.Exit(2) from None
    except UsageError as error:
        terminal.fail(str(error))
        raise typer.Exit(2) from None
    except MendableError as error:
        terminal.fail(str(error))
        raise typer.Exit(failed) from None
    except OSError as error:
        terminal.fail(_in_words(error))
        raise typer.Exit(failed) from None
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not kill the way out: the exit code would be another
        terminal.say(stopped)
        raise typer.Exit(130) from None


def _in_words(error: OSError) -> str:
    """The operating system's complaint with the file first and what to do last."""
    if error.filename is None or error.errno is None:
        return str(error)
    hint = _HINTS.get(error.errno)
    return f"{os.fsdecode(error.filename)}: {error.strerror}" + (f": {hint}" if hint else "")
