"""Every clip in the bucket where the trainer's own code puts it? Generated rows, compared one by one.

Give checkouts of the trainers, kept beside this repository: --open-sora-1 (branch opensora/v1.2 or v1.3), --open-sora-2 (main),
--finetrainers, --ltx, --diffusion-pipe, --musubi-tuner. Functions are cut out of their files and run as they are.
"""

import argparse
import ast
import logging
import math
import time
from collections import OrderedDict
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from video_assets.census.rules import open_sora, ratios, sized
from video_assets.census.rules.placing import Clips, Placed

SIZES = [(64, 48), (256, 144), (320, 240), (426, 240), (640, 288), (640, 360), (720, 720), (854, 480), (960, 540), (1280, 720)]
SIZES += [(1920, 1080), (480, 854), (720, 1280), (1000, 1), (1280, 536), (3840, 2160)]
RATES = [5.0, 12.0, 15.0, 23.976, 24000 / 1001, 24.0, 24.01, 25.0, 30000 / 1001, 30.0, 48.0, 50.0, 59.94, 60000 / 1001, 60.0]


def cut_out(path: Path, *names: str, **known: object) -> SimpleNamespace:
    """Functions and classes of a file, run with `known` as their globals instead of its imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.ClassDef)
    found = [node for node in ast.walk(tree) if isinstance(node, kinds) and node.name in names]
    found += [node for node in tree.body if isinstance(node, ast.Assign)] if "*" in names else []
    for node in found:
        for part in ast.walk(node):
            if isinstance(part, ast.FunctionDef):  # annotations name types that are not here
                part.returns = None
                for argument in [*part.args.args, *part.args.kwonlyargs]:
                    argument.annotation = None
    exec(compile(ast.Module(found, []), str(path), "exec"), known)  # noqa: S102 - that is the point
    return SimpleNamespace(**known)


def whole(path: Path) -> dict:
    """A file that imports nothing but the standard library."""
    known: dict = {}
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), known)  # noqa: S102 - that is the point
    return known


def generated(n: int) -> Clips:
    """Rows of all sizes, some odd, of all common rates, short and long."""
    random = np.random.default_rng(0)
    sides = np.asarray(SIZES)[random.integers(len(SIZES), size=n)]
    is_odd = random.random(n) < 0.3
    sides[is_odd] = random.integers(16, 2500, size=(int(is_odd.sum()), 2))
    return Clips(
        random.integers(1, 500, size=n), sides[:, 1], sides[:, 0], np.asarray(RATES)[random.integers(len(RATES), size=n)]
    )


def rows(clips: Clips):
    """Frames, height, width, rate of each clip."""
    return zip(clips.frames.tolist(), clips.height.tolist(), clips.width.tolist(), clips.fps.tolist(), strict=True)


def names_of(placed: Placed, n: int) -> list[str | None]:
    """The bucket's name of each clip; of several the last."""
    found: list[str | None] = [None] * n
    for clip, bucket in zip(placed.clip.tolist(), placed.bucket.tolist(), strict=True):
        found[clip] = placed.buckets[bucket].name
    return found


def open_sora_1(root: Path, clips: Clips):
    """Class Bucket of 1.2 and 1.3, all draws succeeding."""
    aspect = whole(root / "opensora" / "datasets" / "aspect.py")
    known = {name: aspect[name] for name in ("ASPECT_RATIOS", "get_closest_ratio", "get_num_pixels")}
    if "get_num_frames" in aspect:
        known["get_num_frames"] = aspect["get_num_frames"]
    code = cut_out(
        root / "opensora" / "datasets" / "bucket.py",
        "Bucket",
        np=np,
        OrderedDict=OrderedDict,
        get_logger=logging.getLogger,
        **known,
    )
    config = open_sora.STAGES_1_2
    bucket = code.Bucket({name: dict.fromkeys(frames, (1.0, 1)) for name, frames in config.items()})
    theirs = [bucket.get_bucket_id(n, h, w, 1, 0) for n, h, w, _ in rows(clips)]
    return names_of(open_sora.place_1(clips, config), len(clips)), [
        None if b is None else f"{b[0]} {b[1]} {b[2]}" for b in theirs
    ]


def open_sora_2(root: Path, clips: Clips):
    """Class Bucket of 2.0, all draws succeeding."""
    folder = root / "opensora" / "datasets"
    aspect = whole(folder / "aspect.py")
    known = {name: value for name, value in aspect.items() if name.startswith("get_")}
    rate = cut_out(folder / "utils.py", "map_target_fps", math=math, np=np)
    code = cut_out(
        folder / "bucket.py",
        "Bucket",
        np=np,
        OrderedDict=OrderedDict,
        log_message=lambda *_: None,
        map_target_fps=rate.map_target_fps,
        **known,
    )
    config = open_sora.STAGES_2_0
    bucket = code.Bucket({name: dict.fromkeys(frames, (1.0, 1)) for name, frames in config.items()})
    theirs = [bucket.get_bucket_id(n, h, w, f, "", 0, 24) for n, h, w, f in rows(clips)]
    return names_of(open_sora.place_2(clips, config), len(clips)), [
        None if b is None else f"{b[0]} {b[1]} {b[2]}" for b in theirs
    ]


def _sized(sizes: list, place, own, clips: Clips):
    theirs = [own(SimpleNamespace(shape=(n, 3, h, w))) for n, h, w, _ in rows(clips)]
    return names_of(place(clips, sizes), len(clips)), [None if b is None else f"{b[2]}x{b[1]}x{b[0]}" for b in theirs]


def finetrainers(root: Path, clips: Clips):
    """Function find_nearest_video_resolution."""
    sides = (256, 320, 384, 480, 512, 576, 720, 768, 960, 1024, 1280, 1536)
    sizes = [(t, h, w) for t in (17, 49) for h in sides for w in sides]
    code = cut_out(root / "finetrainers" / "functional" / "video.py", "find_nearest_video_resolution")
    return _sized(
        sizes,
        sized.finetrainers,
        # A clip that is too short for every bucket is what the census calls out.
        lambda video: code.find_nearest_video_resolution(video, sizes) if video.shape[0] >= 17 else None,
        clips,
    )


def ltx(root: Path, clips: Clips):
    """Method _get_resolution_bucket_for_item."""
    sizes = [(t, h, w) for t in (25, 49, 121) for w, h in ((960, 544), (544, 960), (768, 768), (1280, 704))]
    path = root / "packages" / "ltx-trainer" / "scripts" / "process_videos.py"
    code = cut_out(path, "_get_resolution_bucket_for_item", math=math)
    own = SimpleNamespace(resolution_buckets=sizes)
    return _sized(
        sizes,
        sized.ltx,
        lambda video: code._get_resolution_bucket_for_item(own, video) if video.shape[0] >= 25 else None,  # noqa: SLF001 - theirs
        clips,
    )


def diffusion_pipe(root: Path, clips: Clips):
    """Method _find_closest_ar_bucket; its count of frames is one line, written again here."""
    code = cut_out(root / "utils" / "dataset.py", "_find_closest_ar_bucket", np=np)
    ars = np.geomspace(0.5, 2.0, num=7)
    own = SimpleNamespace(ars=ars, log_ars=np.log(ars), frame_buckets=np.asarray([1, 17, 33, 65, 97]))
    theirs = []
    for n, h, w, f in rows(clips):
        frames = int(n * 16 / f)
        # One frame is an image there; the table has none.
        found = code._find_closest_ar_bucket(own, np.log(w / h), frames, frames > 1) if frames > 1 else None  # noqa: SLF001 - theirs
        theirs.append(None if found is None else f"{found[0]:.3f} {found[1]}")
    placed = ratios.diffusion_pipe(clips, (17, 33, 65, 97), rate=16, min_ar=0.5, max_ar=2.0, n_ars=7)
    return names_of(placed, len(clips)), theirs


def musubi_tuner(root: Path, clips: Clips):
    """Class BucketSelector; the loop that counts frames needs a file there, so it is written again here."""
    path = root / "src" / "musubi_tuner" / "dataset"
    tree = ast.parse((path / "bucket.py").read_text(encoding="utf-8"))
    words = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id.startswith("ARCHITECTURE_")}
    known = {word: word for word in words}
    code = cut_out(
        path / "bucket.py",
        "BucketSelector",
        np=np,
        math=math,
        Tuple=tuple,
        Optional=None,
        divisible_by=lambda a, b: a - a % b,
        **known,
    )
    selector = code.BucketSelector((960, 544), True, False, next(iter(sorted(word for word in words if "WAN" in word))))
    theirs = []
    for n, h, w, f in rows(clips):
        delta, at, kept, before = 16 / f, 0.0, 0, -1
        for _ in range(n):  # as its reader counts: where the running sum gives a new whole number
            index, at = int(at), at + delta
            if index != before:
                before = index
                if index >= 45:
                    break
                kept += 1
        width, height = selector.get_bucket_resolution((w, h))
        targets = [target for target in (25, 45) if kept >= target]
        theirs.append(f"{width}x{height}x{targets[-1]}" if targets else None)
    placed = ratios.musubi_tuner(clips, (25, 45), size=(960, 544), rate=16.0, source_fps=clips.fps)
    return names_of(placed, len(clips)), theirs


TRAINERS = {
    "open-sora-1": open_sora_1,
    "open-sora-2": open_sora_2,
    "finetrainers": finetrainers,
    "ltx": ltx,
    "diffusion-pipe": diffusion_pipe,
    "musubi-tuner": musubi_tuner,
}


def main() -> None:
    """Compare whatever is given."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000)
    for name in TRAINERS:
        parser.add_argument(f"--{name}", type=Path, help="folder of its checkout")
    given = vars(parser.parse_args())
    clips = generated(given["rows"])
    for name, compare in TRAINERS.items():
        root = given[name.replace("-", "_")]
        if root is None:
            print(f"{name:<15} not compared: no checkout given")
            continue
        start = time.process_time()
        ours, theirs = compare(root, clips)
        differ = [row for row, (a, b) in enumerate(zip(ours, theirs, strict=True)) if a != b]
        example = f", first: row {differ[0]} {ours[differ[0]]} {theirs[differ[0]]}" if differ else ""
        n_in = sum(each is not None for each in theirs)
        took = time.process_time() - start
        print(f"{name:<15} {len(differ):,} of {len(clips):,} rows differ ({n_in:,} have a bucket; {took:.0f} CPU-s){example}")


if __name__ == "__main__":
    main()
