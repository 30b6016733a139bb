"""The decode check against GNU parallel + ffmpeg. Makes clips, alternates, prints CPU and wall ratios with spread.

    python benchmarks/decode_check.py --clips /tmp/bench --footage FOLDER_OF_REAL_CLIPS --ffmpeg 9.0=/opt/ffmpeg-9.0/ffmpeg

Two sets are made once (and kept in --clips): `openvid` (720p and 1080p, 3-10 s, H.264, half of them with AAC) and `short`
(360p, 3 s), from real footage where given, else from a synthetic source. All methods use the same number of processes:
`ffmpeg -v error -i CLIP -f null -` per clip for the peers, our worker pool for ours. CPU counts parents and
children. Our start-up (interpreters, imports; once per shard of thousands of clips) is part of the numbers and printed too.
"""

import argparse
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from video_assets.checking.check import ClipTask, decode_clips
from video_assets.settings.steps import Decode

FFMPEG = "/usr/bin/ffmpeg"
ENCODE = ["-c:v", "libx264", "-preset", "medium", "-pix_fmt", "yuv420p", "-movflags", "+faststart"]


@dataclass(frozen=True)
class Shape:
    """How the clips of one set look."""

    heights: tuple[int, ...]
    seconds: tuple[int, int]
    crf: int


SHAPES = {"openvid": Shape((720, 720, 1080), (3, 10), 20), "short": Shape((360,), (3, 3), 23)}


@dataclass(frozen=True)
class Cost:
    """What one run took, seconds."""

    cpu_s: float
    wall_s: float


@dataclass(frozen=True)
class Recipe:
    """What the clips are made of: real footage (none: synthetic), film grain, Mbit per second (None: constant quality)."""

    footage: list[Path]
    grain: int
    mbit_per_s: float | None

    def rate_options(self, crf: int) -> list[str]:
        """How x264 is told the quality."""
        return ["-b:v", f"{self.mbit_per_s}M"] if self.mbit_per_s else ["-crf", str(crf)]


def make_clips(folder: Path, recipe: Recipe, shape: Shape, n_clips: int) -> list[Path]:
    """The clips of the folder, made first if there are fewer; the same ones for the same recipe."""
    footage = recipe.footage
    folder.mkdir(parents=True, exist_ok=True)
    made = sorted(folder.glob("*p_*s.mp4"))[:n_clips]
    for number in range(len(made), n_clips):
        rng = random.Random(number)
        height, seconds = rng.choice(shape.heights), rng.randint(*shape.seconds)
        target = folder / f"{number:03d}_{height}p_{seconds}s.mp4"
        source = ["-stream_loop", "20", "-i", str(rng.choice(footage))] if footage else ["-f", "lavfi", "-i", synthetic(number)]
        quality = recipe.rate_options(shape.crf)
        encode(target, source, quality, height=height, seconds=seconds, grain=recipe.grain, has_audio=number % 2 == 0)
        made.append(target)
    return made


def synthetic(seed: int) -> str:
    """Motion and texture, since ffmpeg's test picture alone decodes too easily."""
    return f"mandelbrot=s=640x360:rate=30:start_scale={0.3 + seed % 7}:end_scale=0.01,noise=alls=4:allf=t"


def encode(
    target: Path, source: list[str], quality: list[str], *, height: int, seconds: int, grain: int, has_audio: bool
) -> None:
    """One H.264 clip, with noise as AAC when `has_audio`; film grain brings the bit rate of upscaled footage up."""
    width = height * 16 // 9
    sound = ["-f", "lavfi", "-i", "anoisesrc=d=20:a=0.1:r=44100", "-map", "0:v:0", "-map", "1:a:0", "-c:a", "aac", "-shortest"]
    draft = target.with_suffix(".draft.mp4")
    command = [FFMPEG, "-nostdin", "-v", "error", "-y", *source, *(sound if has_audio else ["-map", "0:v:0"])]
    picture = f"scale={width}:{height},setsar=1,noise=alls={grain}:allf=t,fps=30"
    subprocess.run([*command, "-vf", picture, "-t", str(seconds), *quality, *ENCODE, str(draft)], check=True)
    draft.rename(target)


def measure(run: Callable[[], None]) -> Cost:
    """CPU of this process and its children, and wall seconds."""
    before, started = cpu_s(), time.perf_counter()
    run()
    return Cost(cpu_s() - before, time.perf_counter() - started)


def cpu_s() -> float:
    """CPU seconds of this process and of all children that ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def peer(binary: str, clips: list[Path], jobs: int, *options: str) -> Callable[[], None]:
    """The original's check: GNU parallel, one ffmpeg per clip, messages to a file beside it."""
    command = " ".join([binary, "-nostdin", "-v", "error", *options, "-i", "{}", "-f", "null", "-", "2>", "{}.err"])

    def run() -> None:
        listing = "\n".join(map(str, clips)).encode()
        subprocess.run(["parallel", f"-j{jobs}", command], input=listing, check=True, stdout=subprocess.DEVNULL)
        bad = [clip for clip in clips if Path(f"{clip}.err").read_bytes()]
        assert not bad, f"{binary} calls {bad} bad"
        for clip in clips:
            Path(f"{clip}.err").unlink()

    return run


# The steps of the original's `datautil --info`, without torch: the first frame and its size, then all frames as RGB in one array,
# which is copied twice.
INFO = """
import sys, av, numpy
for path in sys.argv[1:]:
    with av.open(path, metadata_errors="ignore") as container:
        stream = container.streams.video[0]
        picture = next(container.decode(video=0)).to_rgb().to_ndarray()
        frames = numpy.zeros((stream.frames, *picture.shape), dtype=numpy.uint8)
    with av.open(path, metadata_errors="ignore") as container:
        for number, frame in enumerate(container.decode(video=0)):
            frames[number] = frame.to_rgb().to_ndarray()
    print(path, frames.copy().copy().shape)
"""


@dataclass(frozen=True)
class Original:
    """The original's own code: an interpreter with all that it needs, a checkout of Open-Sora (None: redone with PyAV)."""

    python: str | None
    source: Path | None


def original_info(clips: list[Path], jobs: int, program: Original) -> Callable[[], None]:
    """The original's first step: decode everything to RGB for the metadata."""

    def redone() -> None:
        commands = [[sys.executable, "-c", INFO, *map(str, clips[start::jobs])] for start in range(jobs)]
        running = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for command in commands]
        assert not any(process.wait() for process in running)

    def real() -> None:
        with tempfile.TemporaryDirectory() as folder:
            table = Path(folder, "meta.csv")
            table.write_text("path\n" + "".join(f"{clip.resolve()}\n" for clip in clips), encoding="utf-8")
            command = [str(program.python), "-m", "tools.datasets.datautil", str(table), "--info", "--num-workers", str(jobs)]
            paths = os.pathsep.join([str(program.source), os.environ.get("PYTHONPATH", "")])
            environment = os.environ | {"PYTHONPATH": paths}
            subprocess.run(command, env=environment, check=True, capture_output=True)
            rows = Path(folder, "meta_info.csv").read_text(encoding="utf-8").splitlines()
        assert len(rows) == len(clips) + 1, rows

    return real if program.python else redone


def original(clips: list[Path], jobs: int, program: Original) -> Callable[[], None]:
    """The original's two steps: everything to RGB for the metadata, then ffmpeg on every clip."""
    info, check = original_info(clips, jobs, program), peer(FFMPEG, clips, jobs)

    def run() -> None:
        info()
        check()

    return run


def c_reference(binary: Path, mode: str, clips: list[Path], jobs: int) -> Callable[[], None]:
    """The C program, one process per job; `mode` is full or skip."""

    def run() -> None:
        commands = [[str(binary), mode, *map(str, clips[start::jobs])] for start in range(jobs)]
        running = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for command in commands]
        assert not any(process.wait() for process in running)

    return run


def start_up_s(folder: Path, jobs: int) -> float:
    """CPU seconds that our workers take to start and import: a run on one empty file per worker."""
    empty = [folder / f"empty-{number}.mp4" for number in range(jobs)]
    for path in empty:
        path.touch()
    tasks = [ClipTask(clip_key=path.name, path=str(path), cost=1) for path in empty]
    runs = [measure(lambda: list(decode_clips(tasks, settings=Decode(workers=jobs)))) for _ in range(3)]
    for path in empty:
        path.unlink()
    return statistics.median(run.cpu_s for run in runs)


def ours(clips: list[Path], jobs: int, *, is_full_decode: bool = False) -> Callable[[], None]:
    """Our worker pool, as the assets run it; largest clips first."""

    def run() -> None:
        tasks = [ClipTask(clip_key=clip.name, path=str(clip), cost=clip.stat().st_size) for clip in clips]
        tasks.sort(key=lambda task: -task.cost)
        rows = [row for _, row in decode_clips(tasks, settings=Decode(workers=jobs, is_full_decode=is_full_decode))]
        assert all(row.verdict == "good" for row in rows), [row for row in rows if row.verdict != "good"][:2]

    return run


def all_methods(clips: list[Path], options: argparse.Namespace) -> dict[str, Callable[[], None]]:
    """What is compared, by name."""
    jobs, program = options.jobs, Original(options.original_python, options.original_source)
    methods: dict[str, Callable[[], None]] = {
        "ours": ours(clips, jobs),
        "ours, is_full_decode": ours(clips, jobs, is_full_decode=True),
        "the original's two steps": original(clips, jobs, program),
    }
    for release, binary in ({"(Debian)": FFMPEG} | dict(item.split("=", 1) for item in options.ffmpeg)).items():
        methods[f"parallel + ffmpeg {release}"] = peer(binary, clips, jobs)
        methods[f"parallel + ffmpeg {release} -threads 1"] = peer(binary, clips, jobs, "-threads", "1")
    if options.c_reference:
        methods["C program, no loop filter"] = c_reference(options.c_reference, "skip", clips, jobs)
        methods["C program, full decode"] = c_reference(options.c_reference, "full", clips, jobs)
    return methods


def compare(name: str, clips: list[Path], options: argparse.Namespace) -> None:
    """Alternate all methods, print a table of medians with their spread."""
    jobs, rounds = options.jobs, options.rounds
    start = start_up_s(clips[0].parent, jobs)
    methods = all_methods(clips, options)
    costs: dict[str, list[Cost]] = {method: [] for method in methods}
    for _ in range(rounds):
        for method, run in methods.items():
            costs[method].append(measure(run))
    seconds = sum(float(clip.stem.rsplit("_", 1)[1].removesuffix("s")) for clip in clips)
    size_mib = sum(clip.stat().st_size for clip in clips) / 2**20
    print(f"\n### {name}: {len(clips)} clips, {seconds:.0f} s, {size_mib:.0f} MiB, {jobs} processes, {rounds} rounds\n")
    print(f"Our start-up, {start:.2f} CPU-s per run, is part of the numbers, except where the column says so.\n")
    print("| method | CPU-s | CPU, spread | wall s | ours / this, CPU | the same without our start-up | ours / this, wall |")
    print("|---|---|---|---|---|---|---|")
    for method, runs in costs.items():
        cpu = sorted(cost.cpu_s for cost in runs)
        pairs = list(zip(costs["ours"], runs, strict=True))
        cpu_ratio = statistics.median(mine.cpu_s / theirs.cpu_s for mine, theirs in pairs)
        net_ratio = statistics.median((mine.cpu_s - start) / theirs.cpu_s for mine, theirs in pairs)
        wall_ratio = statistics.median(mine.wall_s / theirs.wall_s for mine, theirs in pairs)
        wall = statistics.median(cost.wall_s for cost in runs)
        middle = statistics.median(cpu)
        ratios = f"{cpu_ratio:.2f} | {net_ratio:.2f} | {wall_ratio:.2f}"
        print(f"| {method} | {middle:.2f} | {cpu[0]:.2f}-{cpu[-1]:.2f} | {wall:.2f} | {ratios} |")


def scaling(clips: list[Path], jobs: int, rounds: int) -> None:
    """Throughput of N workers over N times that of one."""
    shares = []
    for _ in range(rounds):
        one, many = measure(ours(clips, 1)), measure(ours(clips, jobs))
        shares.append(one.wall_s / (jobs * many.wall_s))
    spread = f"{min(shares):.2f}-{max(shares):.2f}"
    print(f"\nThroughput of {jobs} workers: {statistics.median(shares):.2f} of {jobs} times one worker's ({spread})")


def main() -> None:
    """Make clips, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, required=True, help="folder that keeps the clips of the benchmark")
    parser.add_argument("--footage", type=Path, help="folder of real clips to cut, scale and encode; default: synthetic")
    parser.add_argument("--pattern", default="*.mp4", help="which files of --footage")
    parser.add_argument("--ffmpeg", action="append", default=[], metavar="NAME=PATH", help="one more binary; repeat")
    parser.add_argument("--c-reference", type=Path, metavar="PATH", help="c_reference.c, compiled")
    parser.add_argument("--original-python", metavar="PATH", help="interpreter with what the original needs (torch, cv2, ...)")
    parser.add_argument("--original-source", type=Path, metavar="FOLDER", help="checkout of Open-Sora, for --original-python")
    parser.add_argument("--sets", nargs="+", choices=list(SHAPES), default=list(SHAPES))
    parser.add_argument("--grain", type=int, default=5, help="strength of the film grain, 0-100")
    parser.add_argument("--mbit-per-s", type=float, help="bit rate of the clips; default: constant quality")
    parser.add_argument("--n-clips", type=int, default=24)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only-make", action="store_true")
    parser.add_argument("--scaling", action="store_true", help="also compare one worker with all; wants an idle machine")
    options = parser.parse_args()
    if not shutil.which("parallel"):
        sys.exit("GNU parallel is missing: apt-get install parallel")
    footage = sorted(options.footage.glob(options.pattern)) if options.footage else []
    shapes = {name: SHAPES[name] for name in options.sets}
    recipe = Recipe(footage, options.grain, options.mbit_per_s)
    sets = {name: make_clips(options.clips / name, recipe, shape, options.n_clips) for name, shape in shapes.items()}
    if options.only_make:
        return
    for name, clips in sets.items():
        compare(name, clips, options)
    if options.scaling:
        scaling(next(iter(sets.values())), options.jobs, options.rounds)


if __name__ == "__main__":
    main()
