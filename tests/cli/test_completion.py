"""Completion by the Tab key, asked the way the shells ask for it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from keyboard import terminal

PROGRAM = Path(sys.executable).with_name("video-assets")

# What --show-completion prints is loaded; bash then calls its function as the Tab key would.
TYPED = """
eval "$("$PROGRAM" --show-completion bash)"
function_of=$(complete -p video-assets | sed 's/.*-F \\([^ ]*\\).*/\\1/')
COMP_WORDS=(video-assets $TYPED) COMP_CWORD=$# COMP_LINE="video-assets $TYPED"
"$function_of" video-assets
printf '%s\\n' "${COMPREPLY[@]}"
"""


def completed(*typed: str) -> set[str]:
    """What bash offers after these words."""
    environment = {
        **os.environ,
        "PROGRAM": str(PROGRAM),
        "TYPED": " ".join(typed),
        "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}",
    }
    line = ["bash", "--norc", "-c", TYPED, "bash", *typed]
    return set(subprocess.run(line, capture_output=True, text=True, check=True, env=environment).stdout.split())


def test_bash_completes_commands_and_options() -> None:
    assert completed("ru") == {"run"}
    assert {"--captions", "--clips"} <= completed("run", "--c")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_that_of_the_shell_that_is_named_whatever_shell_asks(shell: str) -> None:
    line = [PROGRAM, "--show-completion", shell]
    shown = subprocess.run(line, capture_output=True, text=True, check=True, env=os.environ | {"SHELL": "/bin/bash"}).stdout
    marks = {"bash": "COMPREPLY", "zsh": "compdef", "fish": "complete --command"}
    assert [name for name, mark in marks.items() if mark in shown] == [shell]


@pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh here")
def test_zsh_lists_the_options_of_a_command_once_it_is_installed(tmp_path: Path) -> None:
    at_home = {**os.environ, "HOME": str(tmp_path), "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}", "TERM": "xterm"}
    subprocess.run([PROGRAM, "--install-completion", "zsh"], env=at_home, capture_output=True, check=True)
    with (tmp_path / ".zshrc").open("a") as settings:
        settings.write("PS1='ready> '\n")
    with terminal(["zsh", "--interactive"], env=at_home, cwd=tmp_path) as window:
        window.wait_for("ready> ")
        window.type("video-assets run --\t")
        shown = window.wait_for("--prepare-only .*")
    assert "--captions" in shown
