"""A take-down leaves nothing of a clip but its name, in no file, table, part or version; after a kill it is done again."""

import json
import os
import time
from dataclasses import replace

import pandas as pd
import pyarrow.parquet as pq
import pytest
from command_line import command
from data_roots import Clip, after_listing
from media_factory import make_clip
from take_downs import done, folder_of, published_root, request

from video_assets.core.errors import SourceError
from video_assets.core.schema import DROPPED, LEDGER
from video_assets.look.thumbnails import Thumbnails
from video_assets.publish.manifest import problems_in
from video_assets.publish.publish import publish
from video_assets.publish.versions import read_versions
from video_assets.storage.durable import draft_of
from video_assets.storage.layout import Layout
from video_assets.storage.parts import PartWriter
from video_assets.storage.tables import read_table, write_table
from video_assets.takedown.outcome import report_markdown
from video_assets.takedown.take_down import plan_takedown
from video_assets.tombstones.table import read_rows

WORDS = "the words that somebody wants gone"
VIDEO = "---_iRTHryQ"


def clips_in(folder):
    """Clips whose files are really there."""
    folder.mkdir(parents=True, exist_ok=True)
    named = [Clip(f"{n}.mp4", text=f"dog {n}") for n in range(8)]
    named += [Clip(f"{VIDEO}_1_0to90.mp4", text=WORDS), Clip(f"{VIDEO}_2_90to99.mp4", text=WORDS + ", again")]
    named.append(Clip("copy of it.mp4", text=WORDS, content_hash=f"bytes of own_clips/{VIDEO}_1_0to90.mp4"))
    for clip in named:
        (folder / clip.name).write_bytes(clip.name.encode())
    return named


def root_of(tmp_path, **sections):
    """A published data root with the files of its clips."""
    clips = clips_in(folder_of(tmp_path / "root"))
    return *published_root(tmp_path / "root", clips, **sections), clips


def everything(layout):
    """All bytes and all table values below the data root, but for the tombstones and reports."""
    found = []
    for path in layout.root.rglob("*"):
        if not path.is_file() or layout.takedowns in path.parents:
            continue
        if path.suffix == ".parquet":
            found.append((path, pq.read_table(path).to_pandas().to_csv()))
        else:
            found.append((path, path.read_bytes().decode("utf-8", "replace")))
    return found


def test_planning_changes_nothing_and_names_clips_copies_and_lines_without_a_clip(tmp_path):
    layout, _, _ = root_of(tmp_path)
    before = {path: path.read_bytes() for path in layout.root.rglob("*") if path.is_file()}
    planned = plan_takedown(layout, request(tmp_path, f"https://youtu.be/{VIDEO}", "never-seen.mp4", "x"))
    assert [clip.clip_key for clip in planned.clips] == [
        f"own_clips/{VIDEO}_1_0to90.mp4",
        f"own_clips/{VIDEO}_2_90to99.mp4",
        "own_clips/copy of it.mp4",
    ]
    assert planned.unmatched == ("never-seen.mp4",)
    assert list(planned.request.refused) == ["x"]
    assert {path: path.read_bytes() for path in layout.root.rglob("*") if path.is_file()} == before


def test_nothing_of_the_clip_is_left_in_any_file(tmp_path):
    layout, settings, _ = root_of(tmp_path)
    (layout.root / "clips" / "own_clips" / f"{VIDEO}_1_0to90.txt").write_text(WORDS)
    with PartWriter(layout.probe_parts) as part:
        part.append({"clip_key": f"own_clips/{VIDEO}_1_0to90.mp4", "probe_detail": WORDS})
        part.append({"clip_key": "own_clips/0.mp4", "probe_detail": "fine"})
    layout.report.mkdir()
    layout.report_page.write_text(f"a page with a picture of it, and {WORDS}")
    thumbnails = Thumbnails(layout, settings)
    real = make_clip(tmp_path / "real.mp4", n_frames=5)
    shown = {"clip_key": f"own_clips/{VIDEO}_1_0to90.mp4", "path": str(real), "file_size": 1, "mtime_ns": 1}
    assert thumbnails.picture(shown, "small").result(timeout=900).jpeg
    thumbnails.close()
    assert list(layout.thumbnails.rglob("*.jpg"))
    (layout.look_tables / "state").mkdir(parents=True)
    (layout.look_tables / "state" / "names.arrow").write_text(WORDS)
    captions = layout.captions("openvid")
    pd.DataFrame({"video": [f"{VIDEO}_1_0to90.mp4", "other.mp4"], "caption": [WORDS, "fine"]}).to_parquet(captions)
    report = done(layout, settings, request(tmp_path, VIDEO))
    assert report.is_complete
    assert [path for path, text in everything(layout) if WORDS in text] == []
    assert not layout.report.exists()
    assert not layout.thumbnails.exists()
    assert not layout.look_tables.exists()
    assert pd.read_parquet(captions)["video"].tolist() == ["other.mp4"]
    assert [removal.outcome for removal in report.removals] == ["removed"] * 3
    assert report.removals[0].sidecars == (f"{VIDEO}_1_0to90.txt",)
    assert sorted(path.name for path in (layout.root / "clips" / "own_clips").iterdir()) == [f"{n}.mp4" for n in range(8)]


@pytest.mark.parametrize("relative_to", [None, "clips"])
def test_every_kept_version_loses_the_rows_and_stays_whole(tmp_path, relative_to):
    training = {"relative_to": tmp_path / "root" / relative_to} if relative_to else {}
    layout, settings, clips = root_of(tmp_path, training=training)
    before = {version.number: (version.folder / "training.csv").read_text() for version in read_versions(layout)}
    report = done(layout, settings, request(tmp_path, VIDEO))
    assert report.versions == {"1": 2}
    for version in read_versions(layout):
        text = (version.folder / "training.csv").read_text()
        assert [line for line in before[version.number].splitlines() if VIDEO not in line] == text.splitlines()
        assert problems_in(version.folder, version.manifest) == []
        assert len(pd.read_parquet(version.table)) == version.manifest.rows == version.manifest.counts.kept == 8
        assert version.manifest.counts.dropped["training_csv"] == {"duplicate_content": 1, "taken_down": 2}
        assert set(version.manifest.redacted[0].sha256_before) >= {"training.csv", "training.parquet", "dropped.parquet"}
        dropped = read_table(version.folder / "dropped.parquet", DROPPED).rows
        assert (dropped["reason"] == "taken_down").sum() == 2
    assert (layout.training / "training.csv").read_text() == text
    assert len(clips) == 11


def test_what_was_asked_for_is_answered_in_a_page_without_the_captions(tmp_path):
    layout, settings, _ = root_of(tmp_path)
    report = done(layout, settings, request(tmp_path, VIDEO, "never-seen.mp4"))
    page = (layout.takedowns / f"{report.id}.md").read_text()
    assert page == report_markdown(report)
    for words in (
        f"own_clips/{VIDEO}_1_0to90.mp4",
        "`never-seen.mp4`: nothing here matches; kept out from now on (file_name never-seen.mp4)",
        "version 1: 2 rows removed",
        "State: complete",
    ):
        assert words in page
    assert WORDS not in page
    record = json.loads((layout.takedowns / f"{report.id}.json").read_text())
    assert len(record["removals"][0]["sha256"]) == 64
    assert any("backups" in line for line in record["still_to_do"])


def test_every_line_is_answered_and_it_is_complete_only_when_all_were_understood(tmp_path):
    layout, settings, _ = root_of(tmp_path)
    lines = [f"youtu.be/{VIDEO}", f"www.youtube.com/watch?v={VIDEO}", "own_clips/0.mp4", "0.mp4", "#a", "# to do", "never.mp4"]
    report = done(layout, settings, request(tmp_path, *lines))
    page = report_markdown(report)
    assert not report.is_complete
    assert [line for line in lines if f"* `{line}`: " not in page] == []
    assert report.lines == {f"youtu.be/{VIDEO}": 3, "own_clips/0.mp4": 1, "0.mp4": 1, "never.mp4": 0}
    assert list(report.refused) == ["#a"]
    assert "State: **not complete" in page
    assert "1 of them not understood" in page
    again = done(layout, settings, request(tmp_path, *(line for line in lines if line != "#a")))
    assert again.is_complete


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig"])
def test_a_request_may_come_in_unicode_of_any_kind(tmp_path, encoding):
    layout, settings, _ = root_of(tmp_path)
    file = tmp_path / "request.txt"
    file.write_bytes(f"https://youtu.be/{VIDEO}\n".encode(encoding))
    assert len(done(layout, settings, file).removals) == 3


def test_a_request_in_another_encoding_is_refused_since_a_guess_could_name_other_clips(tmp_path):
    file = tmp_path / "request.txt"
    file.write_bytes("caf\xe9.mp4".encode("latin-1"))
    with pytest.raises(SourceError, match="save it as UTF-8"):
        plan_takedown(Layout(tmp_path), file)


def test_a_table_that_does_not_say_which_column_names_clips_changes_nothing(tmp_path):
    file = tmp_path / "request.csv"
    file.write_text("Who\nJohn Smith\n")
    with pytest.raises(SourceError, match="the columns are 'Who'"):
        plan_takedown(Layout(tmp_path), file)


def test_doing_it_again_finds_the_same_clips_and_removes_what_came_back(tmp_path):
    layout, settings, _ = root_of(tmp_path)
    file = request(tmp_path, VIDEO)
    first = done(layout, settings, file)
    stones = read_rows(layout)
    back = layout.root / "clips" / "own_clips" / f"{VIDEO}_1_0to90.mp4"
    back.write_bytes(b"again")
    second = done(layout, settings, file)
    assert [removal.clip.clip_key for removal in second.removals] == [removal.clip.clip_key for removal in first.removals]
    assert [removal.outcome for removal in second.removals] == ["removed", "was gone already", "was gone already"]
    assert not back.exists()
    assert (second.tables, second.versions) == ({}, {})
    pd.testing.assert_frame_equal(read_rows(layout), stones)


@pytest.mark.parametrize("step", ["add_tombstones", "remove_files", "_scrub", "redact_version"])
def test_stopped_at_any_step_it_is_finished_by_the_same_request(tmp_path, monkeypatch, step):
    layout, settings, _ = root_of(tmp_path)
    file = request(tmp_path, VIDEO)

    def stop(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(f"video_assets.takedown.take_down.{step}", stop)
        with pytest.raises(KeyboardInterrupt):
            done(layout, settings, file)
    assert done(layout, settings, file).is_complete
    assert [path for path, text in everything(layout) if WORDS in text] == []
    assert not [path for path in (layout.root / "clips" / "own_clips").iterdir() if VIDEO in path.name]


def test_a_file_outside_of_our_folders_is_left_alone_and_told_and_a_link_is_not_followed(tmp_path):
    layout, settings, _ = root_of(tmp_path)
    outside = tmp_path / "outside.mp4"
    outside.write_bytes(b"not ours")
    path = layout.ledger("own_clips")
    rows = read_table(path, LEDGER).rows
    link = layout.root / "clips" / "own_clips" / "1.mp4"
    link.unlink()
    link.symlink_to(outside)
    is_outside = rows["clip_key"] == "own_clips/0.mp4"
    write_table(path, LEDGER, rows.assign(path=rows["path"].mask(is_outside, str(outside))))
    report = done(layout, settings, request(tmp_path, "own_clips/0.mp4", "own_clips/1.mp4"))
    assert [removal.outcome for removal in report.removals] == ["failed", "removed"]
    assert not report.is_complete
    assert f"could not be deleted: {outside}: it lies outside of the folders where clips may lie" in report_markdown(report)
    assert "its target is still there" in report.removals[1].detail
    assert outside.read_bytes() == b"not ours"
    assert not link.is_symlink()


@pytest.mark.parametrize("reason", ["outside_root", "not_a_file"])
def test_a_file_that_was_never_a_clip_is_not_asked_about(tmp_path, reason):
    layout, settings, _ = root_of(tmp_path)
    outside = tmp_path / "outside.mp4"
    outside.write_bytes(b"not ours")
    rows = read_table(layout.ledger("own_clips"), LEDGER).rows
    changed = {"path": str(outside), "status": "failed", "reason": reason}
    rows.loc[rows["clip_key"] == "own_clips/0.mp4", list(changed)] = list(changed.values())
    write_table(layout.ledger("own_clips"), LEDGER, rows)
    report = done(layout, settings, request(tmp_path, "own_clips/0.mp4"))
    assert ([removal.outcome for removal in report.removals], report.is_complete) == (["not ours"], True)
    assert outside.exists()


@pytest.mark.slow(20)
@pytest.mark.parametrize("change", ["off", "another folder"])
def test_files_of_a_folder_that_the_settings_no_longer_name_stay_and_the_take_down_is_not_complete(tmp_path, change):
    own = tmp_path / "own"
    clip, caption = make_clip(own / "a.mp4"), own / "a.txt"
    caption.write_text(WORDS)
    (tmp_path / "other").mkdir()
    root, file = tmp_path / "data", request(tmp_path, "a.mp4")
    kept = f'[own_clips]\nfolder = "{own}"\nsettle_s = 0\n[decode]\nn_shards = 1\n'
    root.mkdir()
    (root / "video_assets.toml").write_text(kept)
    command("run", "--data-root", root, check=True)
    (root / "video_assets.toml").write_text("" if change == "off" else kept.replace(str(own), str(tmp_path / "other")))
    told = command("takedown", file, "--data-root", root)
    assert (told.returncode, f"NOT ITS FILE  {clip}" in told.stdout) == (0, True)
    for _ in range(2):
        told = command("takedown", file, "--data-root", root, "--yes")
        assert (told.returncode, clip.exists(), caption.exists()) == (1, True, True), told.stdout + told.stderr
        assert "not everything could be removed" in told.stderr
        assert "nothing was published yet" not in told.stdout
    (root / "video_assets.toml").write_text(kept)
    command("takedown", file, "--data-root", root, "--yes", check=True)
    assert not any(own.iterdir())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may delete everything")
def test_a_file_that_cannot_be_deleted_is_named(tmp_path):
    layout, settings, _ = root_of(tmp_path)
    folder = layout.root / "clips" / "own_clips"
    folder.chmod(0o500)
    report = done(layout, settings, request(tmp_path, "own_clips/0.mp4"))
    folder.chmod(0o700)
    assert not report.is_complete
    assert "could not be deleted" in report_markdown(report)


def test_after_it_the_next_publication_has_all_other_clips_and_reconciles(tmp_path):
    layout, settings, clips = root_of(tmp_path)
    done(layout, settings, request(tmp_path, VIDEO))
    after_listing(layout.root, [replace(clip) for clip in clips])
    published = publish(layout, settings)
    assert (published.n_listed, published.n_kept) == (11, 8)
    assert published.dropped == {"enriched_metadata": {"taken_down": 3}}


def test_what_killed_runs_left_half_written_goes_and_what_is_being_written_is_named(tmp_path):
    layout, settings, _ = root_of(tmp_path)
    old, new = (draft_of(layout.size_filtered) for _ in range(2))
    for path in (old, new):
        path.write_text(WORDS)
    two_hours_ago = time.time() - 7200
    os.utime(old, (two_hours_ago, two_hours_ago))
    report = done(layout, settings, request(tmp_path, VIDEO))
    assert (old.exists(), new.exists()) == (False, True)
    assert "* 1 unfinished file of runs that go on, or were killed within the hour" in report_markdown(report)
