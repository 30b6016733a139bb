"""A clip's file goes with the words beside it, also when the run was killed or the user was faster; the report says what went."""

import os
from pathlib import Path

import pytest
from data_roots import Clip
from take_downs import done, folder_of, published_root, request

from video_assets.takedown.outcome import report_markdown

WORDS = "the words that somebody wants gone"


def root_with(tmp_path, *names, **sections):
    """A published data root in which each clip has a file and a caption file."""
    folder = folder_of(tmp_path / "root")
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_bytes(name.encode() * 9)
        (folder / name).with_suffix(".txt").write_text(WORDS)
    return folder, *published_root(tmp_path / "root", [Clip(name) for name in names], **sections)


def outcomes(report):
    return {removal.clip.clip_key.partition("/")[2]: removal.outcome for removal in report.removals}


def test_the_caption_file_goes_also_when_the_clip_was_gone_already(tmp_path):
    folder, layout, settings = root_with(tmp_path, "a.mp4", "b.mp4")
    (folder / "a.mp4").unlink()
    report = done(layout, settings, request(tmp_path, "a.mp4"))
    assert not (folder / "a.txt").exists()
    assert outcomes(report) == {"a.mp4": "was gone already"}
    assert "| was gone already, caption files deleted: a.txt |" in report_markdown(report)
    assert (folder / "b.txt").exists()


def test_killed_between_the_two_files_the_same_request_finds_the_clip_again(tmp_path, monkeypatch):
    folder, layout, settings = root_with(tmp_path, "a.mp4", "b.mp4")
    unlink = Path.unlink

    def killed(path, **options):
        unlink(path, **options)
        if path.parent == folder:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            done(layout, settings, request(tmp_path, "a.mp4"))
    assert sorted(path.name for path in folder.iterdir()) == ["a.mp4", "b.mp4", "b.txt"]
    assert outcomes(done(layout, settings, request(tmp_path, "a.mp4"))) == {"a.mp4": "removed"}
    assert sorted(path.name for path in folder.iterdir()) == ["b.mp4", "b.txt"]


def test_a_caption_file_that_another_clip_uses_stays_until_that_clip_goes_too(tmp_path):
    folder, layout, settings = root_with(tmp_path, "a.mov", "a.mp4", "b.mov", "b.mp4")
    report = done(layout, settings, request(tmp_path, "a.mp4", "b.mp4", "b.mov"))
    assert sorted(path.name for path in folder.iterdir()) == ["a.mov", "a.txt"]
    page = report_markdown(report)
    assert f"* a caption file that stays: {folder}/a.txt is the caption of a.mov, too, which stays" in page
    assert "b.txt is the caption of" not in page
    done(layout, settings, request(tmp_path, "a.mov"))
    assert not list(folder.iterdir())


def test_caption_files_in_a_folder_of_labels_are_looked_at_alike(tmp_path):
    folder = folder_of(tmp_path / "root")
    for name in ("videos/a.mp4", "clips/a.mp4", "videos/b.mp4"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    (folder / "labels").mkdir()
    for name in ("a.txt", "b.TXT"):
        (folder / "labels" / name).write_text(WORDS)
    layout, settings = published_root(tmp_path / "root", [Clip("videos/a.mp4"), Clip("clips/a.mp4"), Clip("videos/b.mp4")])
    done(layout, settings, request(tmp_path, "videos/a.mp4", "videos/b.mp4"))
    assert [path.name for path in (folder / "labels").iterdir()] == ["a.txt"]


def test_a_captions_table_that_is_called_like_a_clip_stays(tmp_path):
    folder, layout, settings = root_with(tmp_path, "captions.mp4")
    (folder / "captions.json").write_text("{}")
    done(layout, settings, request(tmp_path, "captions.mp4"))
    assert [path.name for path in folder.iterdir()] == ["captions.json"]


def test_the_target_of_a_link_is_told_only_when_it_is_there_at_the_end(tmp_path):
    folder, layout, settings = root_with(tmp_path, "link.mp4", "other link.mp4", "plain.mp4", "target.mp4")
    for name, target in (("link.mp4", "plain.mp4"), ("other link.mp4", "target.mp4")):
        (folder / name).unlink()
        (folder / name).symlink_to(folder / target)
    (folder / "target.mp4").rename(tmp_path / "target.mp4")
    (folder / "target.mp4").symlink_to(tmp_path / "target.mp4")
    report = done(layout, settings, request(tmp_path, "link.mp4", "plain.mp4", "other link.mp4"))
    page = report_markdown(report)
    assert set(outcomes(report).values()) == {"removed"}
    assert not (folder / "link.mp4").is_symlink()
    assert f"its target is still there: {tmp_path}/target.mp4" in page
    assert "plain.mp4: it was" not in page
    assert f"still there: {folder}" not in page


def test_a_further_row_of_a_file_is_removed_with_it_and_counts_no_bytes(tmp_path):
    folder = folder_of(tmp_path / "root")
    folder.mkdir(parents=True)
    (folder / "plain.mp4").write_bytes(b"plain")
    row = Clip("plain.mp4#captions.csv:41", status="failed", reason="duplicate_path")
    layout, settings = published_root(tmp_path / "root", [Clip("plain.mp4"), row, Clip("b.mp4")])
    report = done(layout, settings, request(tmp_path, "own_clips/plain.mp4", "own_clips/plain.mp4#captions.csv:41"))
    told = [(removal.outcome, removal.n_bytes, len(removal.sha256)) for removal in report.removals]
    assert told == [("removed", 5, 64), ("removed", 0, 64)]


def test_a_file_whose_name_is_not_utf8_goes_and_not_the_one_that_is_spelled_alike(tmp_path):
    folder = folder_of(tmp_path / "root")
    folder.mkdir(parents=True)
    spelled = "caf\\xe9"
    for stem in (spelled, "caf\udce9"):
        (folder / f"{stem}.mp4").write_bytes(b"a clip")
        (folder / f"{stem}.txt").write_text(WORDS)
    row = Clip(f"{spelled}.mp4#folder", status="failed", reason="unsupported_name", text="")
    layout, settings = published_root(tmp_path / "root", [Clip(f"{spelled}.mp4"), row])
    report = done(layout, settings, request(tmp_path, f"own_clips/{spelled}.mp4#folder"))
    assert outcomes(report) == {f"{spelled}.mp4#folder": "removed"}
    assert sorted(path.name for path in folder.iterdir()) == [f"{spelled}.mp4", f"{spelled}.txt"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may delete everything")
def test_a_clip_that_cannot_be_deleted_has_its_bytes_in_the_report(tmp_path):
    folder, layout, settings = root_with(tmp_path, "a.mp4", "b.mp4")
    folder.chmod(0o500)
    report = done(layout, settings, request(tmp_path, "a.mp4"))
    folder.chmod(0o700)
    assert [(removal.outcome, removal.n_bytes) for removal in report.removals] == [("failed", 45)]
    assert "a.txt: Permission denied" in report_markdown(report)
