"""The options that print or install completion by the Tab key, for the shell that is named.

typer's own options take the shell that the program was started from, and pass over a name behind them.
Does not belong here: what is offered, which is typer's.
"""

from enum import StrEnum
from typing import Annotated

import typer
from typer import completion

completion.completion_init()


class Shell(StrEnum):
    """Shells for which there is a script."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


_PROGRAM, _VARIABLE = "video-assets", "_VIDEO_ASSETS_COMPLETE"


# zsh reads the script at the first Tab: without this, that one would only define the function.
_FIRST_TAB = """
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _video_assets_completion "$@"
fi"""


def _script(shell: Shell) -> str:
    script = completion.get_completion_script(prog_name=_PROGRAM, complete_var=_VARIABLE, shell=shell)
    return script + _FIRST_TAB * (shell is Shell.ZSH)


def _show(shell: Shell | None) -> None:
    if shell is not None:
        typer.echo(_script(shell))
        raise typer.Exit


def _install(shell: Shell | None) -> None:
    if shell is not None:
        _, path = completion.install(shell=shell, prog_name=_PROGRAM, complete_var=_VARIABLE)
        path.write_text(_script(shell) + "\n", encoding="utf-8")
        typer.echo(f"Completion for {shell} is in {path}, from the next {shell} on.")
        raise typer.Exit


InstallCompletion = Annotated[
    Shell | None,
    typer.Option(
        "--install-completion",
        callback=_install,
        is_eager=True,
        metavar="SHELL",
        show_default=False,
        help="Let the Tab key complete commands and options: bash, zsh or fish.",
    ),
]
ShowCompletion = Annotated[
    Shell | None,
    typer.Option(
        "--show-completion",
        callback=_show,
        is_eager=True,
        metavar="SHELL",
        show_default=False,
        help="Print the script that does it.",
    ),
]
