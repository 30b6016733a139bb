"""What the hub of `hub_server` holds and says: files with their hashes, JSON of listings, requests as they were answered."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

NOT_LFS = (".md", ".json", ".txt", ".gitattributes")


@dataclass(frozen=True)
class Blob:
    """Contents of one file, in memory or on disk, with the hashes that the hub would tell."""

    content: bytes | Path
    size: int
    sha256: str
    git_oid: str

    def read(self, start, n):
        if isinstance(self.content, bytes):
            return self.content[start : start + n]
        with self.content.open("rb") as file:
            file.seek(start)
            return file.read(n)


def make_blob(content):
    """Hash bytes or a file."""
    size = len(content) if isinstance(content, bytes) else content.stat().st_size
    sha256, git_oid = hashlib.sha256(), hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    for start in range(0, size, 1 << 24):
        block = Blob(content, size, "", "").read(start, 1 << 24)
        sha256.update(block)
        git_oid.update(block)
    return Blob(content, size, sha256.hexdigest(), git_oid.hexdigest())


@dataclass
class Request:
    """One request as it was answered; `n_bytes` of the body were handed to the socket."""

    route: str
    method: str
    path: str
    range: tuple[int, int | None] | None
    status: int = 0
    n_bytes: int = 0
    had_token: bool = False
    peer: int = 0  # the client's port: the same for requests over one connection


def parse_range(header):
    match = re.fullmatch(r"bytes=(\d+)-(\d*)", header or "")
    return (int(match[1]), int(match[2]) if match[2] else None) if match else None


def entry_of(path, blob, hub):
    entry = {"type": "file", "oid": blob.git_oid, "size": blob.size, "path": path}
    if not path.endswith(NOT_LFS):
        entry["lfs"] = {"oid": blob.sha256, "size": blob.size, "pointerSize": 135}
        if hub.has_xet:
            entry["xetHash"] = blob.sha256
    return entry


def entries_of(tree, folder, is_recursive, hub):
    """Files and folders below `folder`, as the hub lists them: folders have an oid too."""
    below = {path: blob for path, blob in sorted(tree.items()) if not folder or path.startswith(folder + "/")}
    depth = len(Path(folder).parts)
    folders = {str(parent) for path in below for parent in Path(path).parents if len(parent.parts) > depth}
    entries = [{"type": "directory", "oid": _sha1(name), "size": 0, "path": name} for name in sorted(folders)]
    entries += [entry_of(path, blob, hub) for path, blob in below.items()]
    return [entry for entry in entries if is_recursive or len(Path(entry["path"]).parts) == depth + 1]


def info_of(repo, sha, tree, has_blobs):
    siblings = [{"rfilename": path} for path in tree]
    if has_blobs:
        for sibling, blob in zip(siblings, tree.values(), strict=True):
            sibling |= {"size": blob.size, "lfs": {"sha256": blob.sha256, "size": blob.size, "pointerSize": 135}}
    info = {"_id": "0", "id": repo, "author": repo.split("/")[0], "sha": sha, "lastModified": "2026-01-01T00:00:00.000Z"}
    return {
        **info,
        "private": False,
        "gated": False,
        "disabled": False,
        "tags": [],
        "downloads": 0,
        "likes": 0,
        "siblings": siblings,
    }


def _sha1(text):
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
