"""How much faster an archive comes over several connections than over one, on a hub with latency and a limit per connection.

    python benchmarks/openvid_connections.py [--megabytes 600] [--latency-ms 50] [--mb-per-s 30] [--connections 1 4 8]

The hub is tests/fakes/hub_server.py, a process of its own. Prints wall seconds, CPU seconds of the reader (user and
system), and both as ratios to the first number of connections.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HUB_SERVER = Path(__file__).parent.parent / "tests" / "fakes" / "hub_server.py"
READ = """
import sys
from video_assets.sources.hub.connections import Connections
from video_assets.sources.hub.ranged_file import open_ranged
from video_assets.sources.hub.repo import HubRepo
repo = HubRepo("me/clips")
commit = repo.head_commit()
file = repo.list_files(commit)["a.zip"]
with open_ranged(repo.at(commit), [file], connections=Connections(int(sys.argv[1]))) as reader:
    while reader.read(1 << 20):
        pass
    print(reader.hash_of(0))
"""


def main():
    """Serve one file, read it over each number of connections."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=600)
    parser.add_argument("--latency-ms", type=float, default=50.0)
    parser.add_argument("--mb-per-s", type=float, default=30.0)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 4, 8])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = os.urandom(1_000_000) * options.megabytes
        (Path(folder) / "a.zip").write_bytes(data)
        limits = ["--latency-ms", str(options.latency_ms), "--mb-per-s", str(options.mb_per_s)]
        command = [sys.executable, str(HUB_SERVER), folder, "--repo", "me/clips", *limits]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
            endpoint = json.loads(server.stdout.readline())["endpoint"]
            compare(endpoint, options.connections, hashlib.sha256(data).hexdigest())
            server.stdin.close()


def compare(endpoint, numbers, sha256):
    """Read the file once for each number, in a process of its own."""
    first = None
    for number in numbers:
        before, begin = os.times(), time.monotonic()
        command = [sys.executable, "-c", READ, str(number)]
        found = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, "HF_ENDPOINT": endpoint})
        wall_s, after = time.monotonic() - begin, os.times()
        assert found.stdout.strip() == sha256
        cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
        first = first or (wall_s, cpu_s)
        print(
            f"{number} connections: {wall_s:.1f} s wall ({first[0] / wall_s:.2f} x), {cpu_s:.1f} s CPU ({cpu_s / first[1]:.2f} x)"
        )


if __name__ == "__main__":
    main()
