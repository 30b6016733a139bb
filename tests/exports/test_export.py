"""An export is whole or not there: killed, without room, over foreign folders; and it is not made twice."""

import json
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import replace

import pandas as pd
import pytest
import refused_links
from command_line import command
from disks import small_disk
from exported import published_root

from video_assets.core.errors import UsageError
from video_assets.exports import exchange
from video_assets.exports.exchange import MANIFEST
from video_assets.exports.export import export, options_of
from video_assets.exports.output import MADE, Origin, Output
from video_assets.exports.registry import MODULES
from video_assets.exports.rows import newest_version, read_facts, read_rows
from video_assets.exports.targets.lance import write as write_for_lance
from video_assets.publish.publish import publish
from video_assets.storage.layout import Layout
from video_assets.storage.stages import StageError
from video_assets.takedown.outcome import report_markdown
from video_assets.takedown.take_down import plan_takedown, redact_versions, take_down


@pytest.fixture
def few(sample, tmp_path):
    """Two published clips, free to be damaged."""
    (tmp_path / "clips").mkdir()
    for clip in (sample.clips / "aquarium.mp4", next(sample.clips.rglob("*.webm"))):
        shutil.copy(clip, tmp_path / "clips" / clip.name)
    lines = [f"{clip.name},what {clip.stem} shows" for clip in sorted((tmp_path / "clips").iterdir())]
    (tmp_path / "captions.csv").write_text("\n".join(["path,text", *lines]) + "\n")
    return published_root(tmp_path / "data", tmp_path / "clips", tmp_path / "captions.csv")


def names_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_an_unknown_target_lists_those_there_are(own):
    with pytest.raises(UsageError, match=r"no target 'wan'; there are: open-sora-1\.2, .*energon"):
        export(*own, "wan")


def test_without_a_published_version_it_says_what_to_run(own):
    layout, settings = own
    shutil.rmtree(layout.versions)
    with pytest.raises(StageError, match=r"no published version: run `video-assets run`"):
        export(layout, settings, "ltx")


def test_a_second_export_of_the_same_version_writes_nothing(own):
    first = export(*own, "energon")
    times = {path: path.stat().st_mtime_ns for path in first.folder.rglob("*")}
    again = export(*own, "energon")
    assert (first.is_new, again.is_new) == (True, False)
    assert times == {path: path.stat().st_mtime_ns for path in first.folder.rglob("*")}


@pytest.mark.parametrize(
    ("target", "damage"),
    [
        ("ltx", lambda folder: (folder / "dataset.jsonl").write_bytes(b"")),
        ("ltx", lambda folder: [path.unlink() for path in sorted((folder / "clips").iterdir())[::2]]),
        ("ltx", lambda folder: shutil.rmtree(folder / "clips")),
        ("ltx", lambda folder: (folder / MADE).write_bytes(b"")),
        ("energon", lambda folder: min((folder / "clips").iterdir()).unlink()),
        ("cosmos-predict2.5", lambda folder: next((folder / "metas").iterdir()).unlink()),
        ("lance", lambda folder: next(path for path in (folder / "clips.lance").rglob("*.lance")).unlink()),
        ("webdataset", lambda folder: os.truncate(folder / "mp4-000000.tar", 1000)),
        ("open-sora-1.2", lambda folder: os.truncate(folder / "training.csv", 1000)),
        ("diffusion-pipe", lambda folder: os.truncate(folder / "dataset.toml", 0)),
    ],
)
def test_an_export_that_was_damaged_is_written_again(own, target, damage):
    first = export(*own, target)
    before = names_below(first.folder)
    damage(first.folder)
    again = export(*own, target)
    assert again.is_new
    if target != "lance":  # its names are random
        assert names_below(again.folder) == before
        assert again.manifest["files"] == first.manifest["files"]
    assert export(*own, target).is_new is False


def test_settings_that_a_user_changed_and_files_of_a_trainer_are_no_damage(own):
    folder = export(*own, "diffusion-pipe").folder
    (folder / "dataset.toml").write_text("resolutions = [1024]\n")
    (folder / "clips" / "cache").mkdir()
    assert export(*own, "diffusion-pipe").is_new is False
    assert (folder / "dataset.toml").read_text() == "resolutions = [1024]\n"


def test_other_options_make_it_anew_and_a_trainers_cache_moves_on(own):
    first = export(*own, "energon")
    (first.folder / "cache").mkdir()
    (first.folder / "cache" / "latents").write_text("hours of work")
    second = export(*own, "energon", replace(options_of(own[1]), min_frames=50))
    assert second.left_out["too_few_frames"] > 0
    assert second.n_kept + sum(second.left_out.values()) == 21
    assert (second.folder / "cache" / "latents").read_text() == "hours of work"
    assert [path.name for path in second.folder.parent.iterdir()] == ["energon"]


def test_an_index_of_lines_does_not_outlive_the_lines(own):
    first = export(*own, "energon")
    index = first.folder / "train.jsonl.idx"
    index.write_bytes(bytes(8))  # as `energon prepare` does, in the same place
    assert not export(*own, "energon").is_new
    assert index.exists()
    export(*own, "energon", replace(options_of(own[1]), min_frames=50))
    assert not index.exists()


def test_what_a_trainer_cached_between_our_clips_moves_on(own, monkeypatch):
    first = export(*own, "diffusion-pipe")
    clips = first.folder / "clips"
    (clips / "cache" / "model").mkdir(parents=True)
    (clips / "cache" / "model" / "latents").write_text("hours of work")
    gone = min(path.name for path in clips.iterdir() if path.suffix == ".mp4")
    (clips / f"{gone}.npz").write_text("more of it")
    with monkeypatch.context() as patch:
        patch.setattr(exchange, "_clear", killed)
        with pytest.raises(KeyboardInterrupt):
            export(*own, "diffusion-pipe", replace(options_of(own[1]), min_frames=10_000))
    second = export(*own, "diffusion-pipe", replace(options_of(own[1]), min_frames=10_000))
    assert (second.is_new, second.n_kept) == (False, 0)
    assert names_below(clips) == sorted(["cache", "cache/model", "cache/model/latents", f"{gone}.npz", "captions.json"])
    assert (clips / "captions.json").read_text() == "{}\n"
    assert [path.name for path in clips.parent.parent.iterdir()] == ["diffusion-pipe"]


def killed(*_):
    raise KeyboardInterrupt


def test_all_files_of_an_export_are_known_as_its_own(own):
    # Where the tests' folder has a dot in it, one target refuses: see test_the_shards_for_open_sora_refuse_a_path_with_a_dot.
    for target in MODULES.keys() - ({"open-sora-2.0-sharded"} if "." in str(own[0].root) else set()):
        first = export(*own, target)
        with (first.folder / MADE).open() as lines:
            made = {line.rstrip("\n") for line in lines} | {*first.manifest["files"], MANIFEST}
        made -= {"train.jsonl.idx"}  # Energon makes it of our lines
        assert made == {str(path.relative_to(first.folder)) for path in first.folder.rglob("*") if not path.is_dir()}


def test_a_new_version_makes_it_anew(own):
    layout, settings = own
    first = export(layout, settings, "ltx")
    other = settings.model_copy(update={"training": settings.training.model_copy(update={"duplicates": "keep"})})
    assert publish(layout, other).version == 2
    second = export(layout, other, "ltx")
    assert (second.is_new, second.manifest["version"]) == (True, 2)
    assert second.manifest["rows"] > first.manifest["rows"]


def test_a_foreign_folder_is_left_alone(own):
    layout, settings = own
    folder = layout.export("ltx")
    folder.mkdir(parents=True)
    (folder / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"ltx is there and was not made by an export .*: move it away, or remove it"):
        export(layout, settings, "ltx")
    assert names_below(folder) == ["mine.txt"]


@pytest.mark.parametrize("kind", ["hard", "symbolic", "copy"])
def test_clips_come_as_the_setting_says_and_are_never_written_to(own, kind):
    layout, settings = own
    clips = {
        path: (path.stat().st_mtime_ns, path.read_bytes()) for path in settings.own_clips.folder.rglob("*") if path.is_file()
    }
    exported = export(layout, settings, "energon", replace(options_of(settings), links=kind))
    assert exported.manifest["links"] == {kind: 20}
    placed = sorted((exported.folder / "clips").iterdir())
    assert all(path.is_symlink() == (kind == "symbolic") for path in placed)
    assert all((path.stat().st_nlink > 1) == (kind == "hard") for path in placed if kind != "symbolic")
    assert clips == {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in clips}


def test_where_hard_links_are_refused_symbolic_ones_are_made(own, tmp_path):
    layout, settings = own
    with small_disk(tmp_path / "other", 64 << 20):
        other = Layout(tmp_path / "other" / "data")
        shutil.copytree(layout.root, other.root)
        exported = export(other, settings.model_copy(update={"data_root": other.root}), "energon")
        kind = "hard" if (tmp_path / "other").stat().st_dev == tmp_path.stat().st_dev else "symbolic"
        assert exported.manifest["links"] == {kind: 20}


@pytest.mark.skipif(platform.machine() not in refused_links.CALLS, reason="the numbers of system calls are not known")
@pytest.mark.parametrize(
    ("refused", "asked", "made"),
    [("hard,symbolic", "hard", "copy"), ("symbolic", "symbolic", "copy"), ("hard", "hard", "symbolic")],
)
def test_where_the_file_system_refuses_links_the_next_kind_is_made(own, refused, asked, made):
    layout, settings = own
    export_it = ["-m", "video_assets.cli.app", "export", "energon", "--links", asked, "--json", "--data-root", layout.root]
    line = [sys.executable, refused_links.__file__, refused, sys.executable, *export_it]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["links"] == {made: 20}
    placed = sorted((layout.export("energon") / "clips").iterdir())
    assert all(path.is_symlink() == (made == "symbolic") and path.lstat().st_nlink == 1 for path in placed)
    clips = {path.read_bytes() for path in settings.own_clips.folder.rglob("*") if path.is_file()}
    assert {path.read_bytes() for path in placed} <= clips


def test_a_full_disk_is_one_clear_error_and_the_last_export_stays_whole(own, tmp_path):
    layout, settings = own
    with small_disk(tmp_path / "small", 8 << 20):
        small = Layout(tmp_path / "small" / "data")
        shutil.copytree(layout.root, small.root, ignore=shutil.ignore_patterns("report", "leases"))
        there = settings.model_copy(update={"data_root": small.root})
        export(small, there, "energon")
        before = names_below(small.export("energon"))
        (tmp_path / "small" / "filler").write_bytes(bytes(max(0, shutil.disk_usage(tmp_path / "small").free - (200 << 10))))
        done = command("export", "energon", "--links", "copy", "--data-root", small.root)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert "disk is full" in done.stderr or "File too large" in done.stderr
        assert names_below(small.export("energon")) == before
        assert [path.name for path in small.export("energon").parent.iterdir()] == ["energon"]


@pytest.mark.parametrize("target", ["lance", "webdataset"])
def test_a_disk_that_has_no_room_for_a_copy_of_the_clips_is_one_clear_error(own, tmp_path, target):
    layout, _settings = own
    with small_disk(tmp_path / "small", 4 << 20):
        small = Layout(tmp_path / "small" / "data")
        shutil.copytree(layout.root, small.root, ignore=shutil.ignore_patterns("report", "leases"))
        (tmp_path / "small" / "filler").write_bytes(bytes(max(0, shutil.disk_usage(tmp_path / "small").free - (200 << 10))))
        done = command("export", target, "--data-root", small.root)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert "LanceError" not in done.stderr
        assert f"export {target}: the disk is full" in done.stderr or "File too large" in done.stderr
        assert not small.export(target).exists()


def test_a_clip_that_changes_while_lance_takes_it_is_named(few):
    layout, settings = few
    clip = settings.own_clips.folder / "aquarium.mp4"

    def rows(out):
        facts = read_facts(layout, settings, has_times=True)
        for part in read_rows(out.origin.version, facts):
            clip.write_bytes(bytes(clip.stat().st_size))
            yield part

    folder = layout.root / "elsewhere"
    folder.mkdir()
    out = Output(folder, folder, options_of(settings), name="lance", origin=Origin(layout, settings, newest_version(layout)))
    with pytest.raises(StageError, match=r"aquarium\.mp4 has changed while it was exported"), out.noting():
        write_for_lance(rows(out), out)


def test_killed_between_the_two_renames_the_old_export_comes_back(own):
    layout, settings = own
    folder = export(layout, settings, "ltx").folder
    folder.rename(folder.with_name(".old-ltx"))
    (folder.parent / ".draft-ltx-77-0123abcd").mkdir()
    (folder.parent / ".draft-ltx-more-77-0123abcd").mkdir()
    assert export(layout, settings, "ltx").is_new is False
    # The draft of another target is not this one's to remove.
    assert sorted(path.name for path in folder.parent.iterdir()) == [".draft-ltx-more-77-0123abcd", "ltx"]


def test_a_clip_that_is_gone_is_left_out_with_that_reason(sample, tmp_path):
    shutil.copytree(sample.clips, tmp_path / "clips")
    layout, settings = published_root(tmp_path / "data", tmp_path / "clips", tmp_path / "clips" / "captions.csv")
    (tmp_path / "clips" / "aquarium.mp4").unlink()
    exported = export(layout, settings, "videofolder")
    assert exported.left_out == {"clip_gone": 1}
    assert exported.n_kept == 20
    told = pd.read_parquet(exported.folder / "left_out.parquet")
    assert told["path"].tolist() == [str(tmp_path / "clips" / "aquarium.mp4")]


@pytest.mark.parametrize("links", ["hard", "symbolic", "copy"])
def test_a_clip_that_was_replaced_by_as_many_other_bytes_since_it_was_checked_is_not_handed_out(few, links):
    layout, settings = few
    clip = settings.own_clips.folder / "aquarium.mp4"
    was, checked_at = clip.read_bytes(), clip.stat().st_mtime_ns
    clip.write_bytes(bytes(len(was)))
    assert clip.stat().st_mtime_ns != checked_at
    for target in ("videofolder", "webdataset", "lance", "ltx"):
        exported = export(layout, settings, target, replace(options_of(settings), links=links))
        assert (exported.n_kept, exported.left_out) == (1, {"clip_changed": 1})
        told = pd.read_parquet(exported.folder / "left_out.parquet")
        assert told["path"].tolist() == [str(clip)]
        assert told["detail"].str.contains("`video-assets run` checks it again").all()


def test_a_clip_that_was_left_out_for_its_file_comes_back_with_it(few):
    layout, settings = few
    clip = settings.own_clips.folder / "aquarium.mp4"
    was, checked_at = clip.read_bytes(), clip.stat().st_mtime_ns
    clip.write_bytes(bytes(len(was)))
    assert export(layout, settings, "videofolder").left_out == {"clip_changed": 1}
    clip.unlink()
    assert export(layout, settings, "videofolder").left_out == {"clip_gone": 1}
    clip.write_bytes(was)
    os.utime(clip, ns=(checked_at, checked_at))
    exported = export(layout, settings, "videofolder")
    assert (exported.is_new, exported.n_kept, exported.left_out) == (True, 2, {})
    assert export(layout, settings, "videofolder").is_new is False


def test_clips_that_differ_in_their_ending_alone_stay_two_for_a_trainer_that_cuts_it_off(sample, tmp_path):
    (tmp_path / "clips").mkdir()
    shutil.copy(sample.clips / "aquarium.mp4", tmp_path / "clips" / "tank.mp4")
    shutil.copy(next(sample.clips.rglob("*.webm")), tmp_path / "clips" / "tank.webm")
    (tmp_path / "captions.csv").write_text("path,text\ntank.mp4,an aquarium\ntank.webm,something else\n")
    layout, settings = published_root(tmp_path / "data", tmp_path / "clips", tmp_path / "captions.csv")
    folder = export(layout, settings, "ltx").folder
    rows = [json.loads(line) for line in (folder / "dataset.jsonl").read_text().splitlines()]
    captions = {(folder / row["video"]).with_suffix(".pt"): row["caption"] for row in rows}
    assert sorted(captions.values()) == ["an aquarium", "something else"]


def test_the_licence_of_the_row_or_of_its_source_travels_along_and_a_name_that_is_repaired_is_counted(sample, tmp_path):
    shutil.copytree(sample.clips, tmp_path / "clips")
    (tmp_path / "clips" / "aquarium.mp4").rename(tmp_path / "clips" / "my aquarium. No 1.mp4")
    captions = pd.read_csv(sample.captions, keep_default_na=False)
    captions["license"] = ""
    captions.loc[captions["path"] == "aquarium.mp4", ["path", "license"]] = ["my aquarium. No 1.mp4", "CC0-1.0"]
    captions.to_csv(tmp_path / "captions.csv", index=False)
    layout, settings = published_root(
        tmp_path / "data", tmp_path / "clips", tmp_path / "captions.csv", own_clips={"licence": "CC-BY-4.0"}
    )
    exported = export(layout, settings, "videofolder")
    assert exported.manifest["sources"] == [
        {"source": "own_clips", "licence": "CC-BY-4.0", "rows": 20},
        {"source": "own_clips", "licence": "CC0-1.0", "rows": 1},
    ]
    rows = pd.read_parquet(exported.folder / "metadata.parquet")
    assert rows.loc[rows["licence"] == "CC0-1.0", "file_name"].str.startswith("clips/my-aquarium-No-1-").all()
    assert exported.manifest["repaired"] == {"names": 1}


def test_the_shards_for_open_sora_refuse_a_path_with_a_dot(own, tmp_path):
    layout, settings = own
    dotted = Layout(tmp_path / "v1.2" / "data")
    shutil.copytree(layout.root, dotted.root)
    with pytest.raises(UsageError, match=r"has a dot in it"):
        export(dotted, settings.model_copy(update={"data_root": dotted.root}), "open-sora-2.0-sharded")
    assert [*dotted.export("x").parent.iterdir()] == []


def test_the_command_says_what_was_left_out_and_why(own):
    layout, _settings = own
    done = command("export", "open-sora-1.2", "--data-root", layout.root)
    assert done.returncode == 0, done.stderr
    assert "open-sora-1-2 (written, version 1): 17 of 21 clips" in done.stdout
    assert "left out  2 suffix_refused (9.5 %)" in done.stdout
    again = command("export", "open-sora-1.2", "--data-root", layout.root, "--json")
    told = json.loads(again.stdout)
    assert told["is_new"] is False
    assert told == {"folder": str(layout.export("open-sora-1.2")), "is_new": False} | json.loads(
        (layout.export("open-sora-1.2") / MANIFEST).read_text()
    )
    listed = command("export", "--list")
    assert "cosmos-predict2.5" in listed.stdout
    wrong = command("export", "nonsense", "--data-root", layout.root)
    assert (wrong.returncode, "there are: open-sora-1.2" in wrong.stderr) == (2, True)


def test_an_export_without_a_clip_is_no_success_for_the_command(own):
    layout, _settings = own
    for options in ((), ("--json",)):
        done = command("export", "ltx", "--min-frames", "100000", *options, "--data-root", layout.root)
        assert done.returncode == 1
        assert "error: no clip is left for ltx, so there is nothing to train on" in done.stderr
        assert len(pd.read_parquet(layout.export("ltx") / "left_out.parquet")) == 21
    assert json.loads(done.stdout)["kept"] == 0


@pytest.mark.parametrize(
    ("allowed", "said"),
    [
        ("rotate", "no clip is left out for 'rotate'; did you mean rotated?"),
        ("nonsense", "no clip is left out for 'nonsense'; there are: suffix_refused, codec_refused, "),
        ("clip_changed", "no clip is left out for 'clip_changed'; there are: "),
    ],
)
def test_a_reason_that_is_none_is_not_allowed_in_silence(own, allowed, said):
    layout, _settings = own
    done = command("export", "open-sora-1.2", "--allow", "rotated", "--allow", allowed, "--data-root", layout.root)
    assert (done.returncode, said in done.stderr) == (2, True)
    assert not layout.export("open-sora-1.2").exists()
    with (layout.root / "video_assets.toml").open("a") as settings:
        settings.write(f"[exports]\nallowed = ['{allowed}']\n")
    done = command("export", "open-sora-1.2", "--data-root", layout.root)
    assert (done.returncode, f"setting exports.allowed.0: {said}" in done.stderr) == (2, True)


def taken_down(layout, settings, tmp_path, *lines):
    (tmp_path / "request.txt").write_text("\n".join(lines))
    planned = plan_takedown(layout, tmp_path / "request.txt")
    return redact_versions(layout, settings, planned, take_down(layout, settings, planned))


def test_a_take_down_leaves_no_export_with_the_clip(sample, tmp_path):
    shutil.copytree(sample.clips, tmp_path / "clips")
    layout, settings = published_root(tmp_path / "data", tmp_path / "clips", tmp_path / "clips" / "captions.csv")
    wanted = (tmp_path / "clips" / "aquarium.mp4").read_bytes()
    caption = pd.read_csv(sample.captions).set_index("path")["text"]["aquarium.mp4"]
    for target, links in (("energon", "hard"), ("videofolder", "copy"), ("open-sora-2.0", "hard")):
        export(layout, settings, target, replace(options_of(settings), links=links))
    (layout.export("x").parent / "mine").mkdir()
    report = taken_down(layout, settings, tmp_path, "aquarium.mp4")
    assert report.is_complete
    assert sorted(report.exports) == ["energon", "open-sora-2-0", "videofolder"]
    assert "`exports/energon`" in report_markdown(report)
    assert "exports/mine, so it is not touched" in report_markdown(report)
    files = [path.read_bytes() for path in layout.export("x").parent.parent.rglob("exports/**/*") if path.is_file()]
    assert not [content for content in files if content == wanted or caption.encode() in content]
    again = export(layout, settings, "energon")
    assert again.is_new
    assert again.n_kept == 19
    # Of what was exported since, nothing has to go.
    assert taken_down(layout, settings, tmp_path, "aquarium.mp4").exports == ()
    assert export(layout, settings, "energon").is_new is False


def test_a_take_down_takes_a_cache_that_moved_on_from_an_export_with_the_clip(sample, tmp_path):
    shutil.copytree(sample.clips, tmp_path / "clips")
    layout, settings = published_root(tmp_path / "data", tmp_path / "clips", tmp_path / "clips" / "captions.csv")
    first = export(layout, settings, "diffusion-pipe")
    export(layout, settings, "ltx")
    (gone,) = first.folder.glob("clips/windmill-*.webm")
    (first.folder / "clips" / "cache").mkdir()
    (first.folder / "clips" / "cache" / f"{gone.stem}.safetensors").write_text("what the trainer made of the clip")
    trained_for = settings.model_copy(update={"training": settings.training.model_copy(update={"for_": ("open-sora-1.2",)})})
    publish(layout, trained_for)
    for target in ("diffusion-pipe", "ltx"):
        second = export(layout, trained_for, target)
        assert not [path for path in second.folder.glob("clips/*.webm") if path.name == gone.name]
    assert (first.folder / "clips" / "cache" / f"{gone.stem}.safetensors").exists()
    # The second version never had the clip: what is made of it alone stays.
    assert taken_down(layout, trained_for, tmp_path, "windmill.webm").exports == ("diffusion-pipe",)
    assert not list(layout.root.rglob("exports/**/*.safetensors"))
    assert export(layout, trained_for, "diffusion-pipe").is_new
    assert taken_down(layout, trained_for, tmp_path, "windmill.webm").exports == ()


def test_a_take_down_of_nothing_that_is_here_keeps_exports(own, tmp_path):
    folder = export(*own, "ltx").folder
    assert taken_down(*own, tmp_path, "never-seen.mp4").exports == ()
    assert (folder / MANIFEST).exists()


def test_an_export_that_names_its_folder_is_made_again_where_the_data_root_was_moved(own):
    layout, settings = own
    for target in ("musubi-tuner", "diffusion-pipe", "simpletuner", "ltx"):
        export(layout, settings, target)
    there = layout.root.rename(layout.root.with_name("moved"))
    moved = Layout(there), settings.model_copy(update={"data_root": there})
    made = {target: export(*moved, target) for target in ("musubi-tuner", "diffusion-pipe", "simpletuner", "ltx")}
    assert {target: exported.is_new for target, exported in made.items()} == {
        "musubi-tuner": True,
        "diffusion-pipe": True,
        "simpletuner": True,
        "ltx": False,  # its paths begin at its own folder
    }
    texts = [
        path.read_text()
        for each in made.values()
        for path in each.folder.iterdir()
        if path.suffix in {".toml", ".json", ".jsonl"}
    ]
    assert texts
    assert not any(f"{layout.root}/" in text for text in texts)
    assert not any(export(*moved, target).is_new for target in made)
