"""Results that are kept before their table is written, on a disk that fills up."""

import shutil

import pytest
from disks import small_disk

from video_assets.core.fetch_errors import NoSpaceError
from video_assets.storage.parts import PartWriter, read_parts


def test_a_full_disk_is_one_error_and_what_was_kept_is_read_again(tmp_path):
    root = tmp_path / "disk"
    with small_disk(root, 1 << 20):
        filler = root / "filler"
        with PartWriter(root / "parts", batch=1) as writer:
            writer.append({"clip_key": "first"})
            filler.write_bytes(bytes(shutil.disk_usage(root).free))
        with pytest.raises(NoSpaceError, match=r"keeping results: the disk is full .*; a later run goes on here"):
            _keep_much(root / "parts")
        filler.unlink()
        records, _ = read_parts(root / "parts")
        assert [record["clip_key"] for record in records][:1] == ["first"]


def _keep_much(folder):
    with PartWriter(folder, batch=1) as writer:
        for number in range(100):
            writer.append({"clip_key": str(number), "text": "x" * 10_000})
