"""Does the trainer's own loader get every clip of our export with its caption? Row by row, over a published data root.

    .venv/bin/python benchmarks/trainers.py DATA_ROOT --musubi-tuner ~/src/musubi-tuner --energon ~/energon/bin/python ...

Give checkouts of the trainers, kept beside this repository. Classes and functions that read metadata are cut out of their files
and run as they are, without torch: what decodes and resizes is not run. Of Megatron-Energon give an interpreter that has the
package: its own loader runs as a whole and decodes every clip, and frames and sides are compared too. An export is made first
where there is none. Clips are the same when they are one file, whatever they are called.
"""

import argparse
import json
import logging
import os
import subprocess
import tarfile
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import datasets
import numpy as np
import pandas as pd
from census import cut_out

from video_assets.exports.export import Exported, export
from video_assets.exports.rows import newest_version
from video_assets.settings import load_settings
from video_assets.storage.layout import Layout

Row = tuple[str, str, tuple[int, ...]]
"""Path, caption; frames, height and width where the trainer takes them from the export."""


class Anything:
    """Stands in for what is not needed to read metadata: can be called, has every attribute."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __call__(self, *_: object, **__: object) -> "Anything":
        """Itself."""
        return self

    def __getattr__(self, _: str) -> "Anything":
        return self


DATASET = SimpleNamespace(utils=SimpleNamespace(data=SimpleNamespace(Dataset=object)))
REGISTRY = SimpleNamespace(register_module=lambda *_: lambda known: known)


def open_sora_1(root: Path, folder: Path) -> list[Row]:
    """Class VariableVideoTextDataset of 1.2 and 1.3."""
    utils = cut_out(root / "opensora" / "datasets" / "utils.py", "read_file", pd=pd)
    known = {"torch": DATASET, "DATASETS": REGISTRY, "read_file": utils.read_file, "np": np, "os": os}
    known |= {"get_transforms_image": Anything(), "get_transforms_video": Anything(), "IMG_EXTENSIONS": (".jpg", ".png")}
    known["VID_EXTENSIONS"] = constant(root / "opensora" / "datasets" / "utils.py", "VID_EXTENSIONS")
    code = cut_out(root / "opensora" / "datasets" / "datasets.py", "VideoTextDataset", "VariableVideoTextDataset", **known)
    read = code.VariableVideoTextDataset(str(folder / "training.csv"), transform_name="resize_crop")
    rows = []
    for index in range(len(read)):
        sample = read.data.iloc[index]
        assert read.get_type(sample["path"]) == "video"
        rows.append((sample["path"], sample["text"], tuple(map(int, read.get_data_info(index)))))
    return rows


def open_sora_2(root: Path, folder: Path) -> list[Row]:
    """Class TextDataset; with memory_efficient where the export is sharded."""
    is_sharded = (folder / "training.parquet").exists()
    folder_of_code = root / "opensora" / "datasets"
    utils = cut_out(folder_of_code / "utils.py", "read_file", "map_target_fps", pd=pd, np=np, SUPPORT_DASK=False)
    known = {"torch": DATASET, "DATASETS": REGISTRY, "pd": pd, "np": np, "os": os, "K": 10_000, "VALID_KEYS": ("neg", "path")}
    known |= {"read_file": utils.read_file, "map_target_fps": lambda fps, _: (fps, 1)}
    code = cut_out(folder_of_code / "datasets.py", "Iloc", "Item", "EfficientParquet", "TextDataset", **known)
    table = folder / ("training.parquet" if is_sharded else "training.csv")
    read = code.TextDataset(str(table), fps_max=999, memory_efficient=is_sharded)
    read.to_efficient()
    return [(sample["path"], sample["text"], ()) for sample in map(read.getitem, range(len(read)))]


def diffusion_pipe(root: Path, folder: Path) -> list[Row]:
    """Method _get_ungrouped_metadata, which finds files and captions; what follows opens each clip with another program."""
    code = cut_out(
        root / "utils" / "dataset.py",
        "_get_ungrouped_metadata",
        datasets=datasets,
        Path=Path,
        os=os,
        json=json,
        tarfile=tarfile,
        tqdm=lambda files: files,
        logger=logging.getLogger(),
        CAPTIONS_JSON_FILE="captions.json",
        NUM_PROC=None,
        seed_from_hash=lambda _: 0,
    )
    directory = tomllib.loads((folder / "dataset.toml").read_text())["directory"][0]["path"]
    found: list[Row] = []

    def keep(batch: dict) -> dict:
        found.extend((spec[1], captions[0], ()) for spec, captions in zip(batch["image_spec"], batch["caption"], strict=True))
        return {"seen": [0] * len(batch["image_spec"])}

    with tempfile.TemporaryDirectory() as cache:
        code._get_ungrouped_metadata(  # noqa: SLF001 - theirs
            SimpleNamespace(
                cache_dir=Path(cache),
                path=Path(directory),
                mask_path=None,
                control_path=None,
                default_mask_file=None,
                shuffle_metadata=False,
                _metadata_map_fn=lambda: keep,
            )
        )
    return found


def musubi_tuner(root: Path, folder: Path) -> list[Row]:
    """Class VideoJsonlDatasource, for every block of the TOML."""
    code = cut_out(
        root / "src" / "musubi_tuner" / "dataset" / "datasources.py",
        "ContentDatasource",
        "VideoDatasource",
        "VideoJsonlDatasource",
        json=json,
        logger=logging.getLogger(),
    )
    rows: list[Row] = []
    for block in tomllib.loads((folder / "dataset.toml").read_text())["datasets"]:
        read = code.VideoJsonlDatasource(block["video_jsonl_file"])
        rows += [(*read.get_caption(index), ()) for index in range(len(read))]
    return rows


def ltx(root: Path, folder: Path) -> list[Row]:
    """Function _load_paths_from_dataset and class CaptionsDataset: they find each other by the name of the output."""
    scripts = root / "packages" / "ltx-trainer" / "scripts"
    known = {"json": json, "pd": pd, "Path": Path, "Dataset": object, "logger": logging.getLogger()}
    paths = cut_out(scripts / "process_videos.py", "_load_paths_from_dataset", "_output_relative", **known)
    captions = cut_out(scripts / "process_captions.py", "CaptionsDataset", **known)
    file = folder / "dataset.jsonl"
    read = captions.CaptionsDataset(file, "caption", media_column="video")
    by_output = read._load_caption_data()  # noqa: SLF001 - theirs
    return [
        (str(path), by_output[str(paths._output_relative(path, folder).with_suffix(".pt"))], ())  # noqa: SLF001 - theirs
        for path in paths._load_paths_from_dataset(file, "video")  # noqa: SLF001 - theirs
    ]


def diffsynth(root: Path, folder: Path) -> list[Row]:
    """Class UnifiedDataset with the operators that find a file and choose its reader."""
    data = root / "diffsynth" / "core" / "data"
    operators = cut_out(
        data / "operators.py",
        "DataProcessingOperator",
        "DataProcessingPipeline",
        "ToAbsolutePath",
        "RouteByExtensionName",
        "_is_url",
        os=os,
    )
    code = cut_out(
        data / "unified_dataset.py",
        "UnifiedDataset",
        torch=DATASET,
        json=json,
        pandas=pd,
        LoadTorchPickle=Anything,
        **{name: getattr(operators, name) for name in ("RouteByExtensionName", "ToAbsolutePath")},
    )
    video = operators.RouteByExtensionName([(("mp4", "avi", "mov", "wmv", "mkv", "flv", "webm"), lambda path: path)])
    read = code.UnifiedDataset(
        str(folder),
        str(folder / "metadata.csv"),
        data_file_keys=("video",),
        main_data_operator=lambda path: video(operators.ToAbsolutePath(str(folder))(path)),
    )
    return [(sample["video"], sample["prompt"], ()) for sample in map(read.__getitem__, range(len(read)))]


def videox_fun(root: Path, folder: Path) -> list[Row]:
    """Class ImageVideoDataset."""
    code = cut_out(
        root / "videox_fun" / "data" / "dataset_image_video.py",
        "ImageVideoDataset",
        Dataset=object,
        json=json,
        transforms=Anything(),
    )
    read = code.ImageVideoDataset(str(folder / "metadata.json"), None)
    assert {sample["type"] for sample in read.dataset} == {"video"}
    return [(sample["file_path"], sample["text"], ()) for sample in read.dataset]


def ai_toolkit(root: Path, folder: Path) -> list[Row]:
    """Method load_caption; the list of files is the JSON's keys there, in a method that needs models."""
    code = cut_out(root / "toolkit" / "dataloader_mixins.py", "load_caption", os=os, clean_caption=str)
    captions = json.loads((folder / "captions.json").read_text())
    rows: list[Row] = []
    for path in captions:
        own = SimpleNamespace(
            path=path,
            raw_caption=None,
            raw_caption_short=None,
            dataset_config=SimpleNamespace(use_short_captions=False, diff_output_preservation=False),
            get_caption=lambda **_: None,
        )
        code.load_caption(own, captions)
        rows.append((path, own.raw_caption, ()))
    return rows


def simpletuner(root: Path, folder: Path) -> list[Row]:
    """Methods load_parquet_database and _extract_captions_to_fast_list; captions are stripped there."""
    backends = json.loads((folder / "multidatabackend.json").read_text())
    clips = next(each for each in backends if each["dataset_type"] == "video")
    names = ("load_parquet_database", "_extract_captions_to_fast_list")
    code = cut_out(root / "simpletuner" / "helpers" / "metadata" / "backends" / "parquet.py", *names, pd=pd, os=os, numpy=np)
    own = SimpleNamespace(
        data_backend=SimpleNamespace(exists=os.path.exists, read=lambda path: Path(path).read_bytes()),
        parquet_path=clips["parquet"]["path"],
        parquet_config=clips["parquet"],
        is_json_lines=False,
        is_json_file=False,
        dataset_type="video",
    )
    code.load_parquet_database(own)
    captions = code._extract_captions_to_fast_list(own)  # noqa: SLF001 - theirs
    files = [path for path in Path(clips["instance_data_dir"]).rglob("*") if path.is_file()]
    return [(str(path), captions[path.name], ()) for path in files]


def finetrainers(root: Path, folder: Path) -> list[Row]:
    """Function _initialize_local_dataset, which chooses how the folder is read; then that reader, of Hugging Face."""
    chosen: list[str] = []
    code = cut_out(
        root / "finetrainers" / "data" / "dataset.py",
        "_initialize_local_dataset",
        pathlib=SimpleNamespace(Path=Path),
        VideoFolderDataset=lambda path, **_: chosen.append(path),
    )
    code._initialize_local_dataset(str(folder), "video")  # noqa: SLF001 - theirs
    with tempfile.TemporaryDirectory() as cache:
        read = datasets.load_dataset("videofolder", data_dir=chosen[0], split="train", cache_dir=cache)
        return [(row["video"]["path"], row["caption"], ()) for row in read.cast_column("video", datasets.Video(decode=False))]


def cosmos(root: Path, folder: Path) -> list[Row]:
    """Class VideoDataset; captions are stripped there."""
    known = {
        "os": os,
        "Path": Path,
        "np": np,
        "T": Anything(),
        "log": Anything(),
        "Dataset": object,
        "cpu": None,
        "VideoReader": None,
    }
    known |= {"ToTensorVideo": Anything, "ResizePreprocess": Anything, "torch": Anything()}
    path = root / "cosmos_predict2" / "_src" / "predict2" / "datasets" / "local_datasets" / "dataset_video.py"
    read = cut_out(path, "VideoDataset", **known).VideoDataset(str(folder), 93, (704, 1280))
    named = [(clip, Path(read.caption_dir, Path(clip).name.replace(".mp4", ".txt"))) for clip in read.video_paths]
    return [(clip, read._load_text(caption), ()) for clip, caption in named]  # noqa: SLF001 - theirs


ENERGON = """
import json, sys
from megatron.energon import *
@edataclass
class Clip(Sample):
    path: str
    caption: str
    video: object
@stateless
def cook(sample, video_source: FileStore) -> Clip:
    row = sample["json"]
    path = video_source.get_path() + "/" + row["video"]
    return Clip(**basic_sample_keys(sample), path=path, caption=row["caption"], video=video_source.get(row["video"], sample))
class Encoder(DefaultTaskEncoder):
    cookers = [Cooker(cook)]
    def batch(self, samples):
        return samples
one = WorkerConfig(rank=0, world_size=1, num_workers=0)
options = {"batch_size": 1, "shuffle_buffer_size": None, "max_samples_per_sequence": None, "repeat": False}
rows = []
for (clip,) in get_loader(get_train_dataset(sys.argv[1], worker_config=one, task_encoder=Encoder(), **options)):
    try:
        n_frames, _, height, width = clip.video.get_video().video_clips[0].shape
    except Exception as error:
        print(f"{clip.path}: {type(error).__name__}: {error}", file=sys.stderr)
        n_frames = height = width = 0
    rows.append([clip.path, clip.caption, [n_frames, height, width]])
json.dump(rows, open(sys.argv[2], "w"))
"""


def energon(python: Path, folder: Path) -> list[Row]:
    """Its loader, with the decoder that it hands out; decoding fails where frames and sides are 0."""
    subprocess.run([python.parent / "energon", "prepare", "train.jsonl"], cwd=folder, check=True, stdin=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory() as aside:
        rows = Path(aside) / "rows.json"
        subprocess.run([python, "-W", "ignore", "-c", ENERGON, folder / "metadataset.yaml", rows], check=True)
        return [(path, text, tuple(sizes)) for path, text, sizes in json.loads(rows.read_text())]


def constant(path: Path, name: str) -> Any:
    """A constant of a file that cannot be imported."""
    line = next(line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith(f"{name} = "))
    return eval(line.partition("=")[2])  # noqa: S307 - theirs, and that is the point


TRAINERS: dict[str, tuple[str, Callable[[Path, Path], list[Row]]]] = {
    "open-sora-1.2": ("open-sora-1", open_sora_1),
    "open-sora-1.3": ("open-sora-1", open_sora_1),
    "open-sora-2.0": ("open-sora-2", open_sora_2),
    "open-sora-2.0-sharded": ("open-sora-2", open_sora_2),
    "finetrainers": ("finetrainers", finetrainers),
    "diffusion-pipe": ("diffusion-pipe", diffusion_pipe),
    "musubi-tuner": ("musubi-tuner", musubi_tuner),
    "videox-fun": ("videox-fun", videox_fun),
    "diffsynth": ("diffsynth", diffsynth),
    "ltx": ("ltx", ltx),
    "ai-toolkit": ("ai-toolkit", ai_toolkit),
    "simpletuner": ("simpletuner", simpletuner),
    "cosmos-predict2.5": ("cosmos-predict2.5", cosmos),
    "energon": ("energon", energon),
}
STRIPPED = {"simpletuner", "cosmos-predict2.5"}


def published(layout: Layout, exported: Exported, *, has_sizes: bool, is_stripped: bool) -> set[tuple]:
    """What the trainer should get."""
    every = pd.read_parquet(newest_version(layout).table)
    left_out = set(pd.read_parquet(exported.folder / "left_out.parquet")["row"])
    rows = every[~every.index.isin(left_out)]
    sizes = rows[["num_frames", "height", "width"]].itertuples(index=False, name=None) if has_sizes else [()] * len(rows)
    texts = rows["text"].str.strip() if is_stripped else rows["text"]
    return set(zip(map(identity, rows["path"]), texts, sizes, strict=True))


def identity(path: str) -> tuple[int, int]:
    """The same for all names of a file."""
    found = Path(path).stat()
    return found.st_dev, found.st_ino


def main() -> None:
    """Compare whatever is given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_root", type=Path)
    for name in dict.fromkeys(option for option, _ in TRAINERS.values()):
        parser.add_argument(f"--{name}", dest=name, type=Path, help="folder of its checkout; of energon, an interpreter")
    given = vars(parser.parse_args())
    datasets.disable_progress_bars()
    settings = load_settings(data_root=given["data_root"])
    layout = Layout(settings.data_root)
    for target, (option, load) in TRAINERS.items():
        if given[option] is None:
            print(f"{target:<22} not compared: no checkout given")
            continue
        exported = export(layout, settings, target)
        loaded = load(given[option], exported.folder)
        theirs = {(identity(path), text, size) for path, text, size in loaded}
        has_sizes = any(size for _, _, size in loaded)
        ours = published(layout, exported, has_sizes=has_sizes, is_stripped=target in STRIPPED)
        state = "the same" if theirs == ours and len(loaded) == exported.n_kept else f"DIFFERENT: {[*(theirs ^ ours)][:2]}"
        print(f"{target:<22} {len(loaded):,} rows loaded, {exported.n_kept:,} exported: {state}")


if __name__ == "__main__":
    main()
