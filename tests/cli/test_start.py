"""What every command pays before it does anything."""

import subprocess
import sys

HEAVY = {"pandas", "numpy", "pyarrow", "av", "dagster", "duckdb", "matplotlib"}


def test_a_command_that_needs_no_table_loads_no_library_of_tables():
    program = f"import sys; import video_assets.cli.app; print(*({HEAVY} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
