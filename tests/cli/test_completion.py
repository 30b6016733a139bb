"""Completion by the Tab key, asked the way bash asks for it."""

import os
import subprocess
import sys
from pathlib import Path

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
