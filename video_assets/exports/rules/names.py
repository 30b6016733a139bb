"""Names and groups that exports give: clips' names, frame rates of groups.

Belongs here: text from values. Does not belong here: files (`exports.output`).
"""

import re

import xxhash

_ODD = re.compile(r"[^A-Za-z0-9_-]+")
_COMMON_RATES = (23.976, 24.0, 25.0, 29.97, 30.0, 50.0, 59.94, 60.0)


def clip_name(path: str) -> str:
    """A file name for the clip that no other clip has: its own without odd characters, and the hash of its path.

    It holds one dot (keys of archives end at the first), is ASCII, and stays the same as long as the path does.

    >>> clip_name("/clips/a dog. Running.MP4")
    'a-dog-Running-d05c6c5673e56f7c.mp4'
    """
    stem, _, suffix = path.rpartition("/")[2].rpartition(".")
    readable = _ODD.sub("-", stem).strip("-")[:60] or "clip"
    return f"{readable}-{xxhash.xxh3_64_hexdigest(path.encode())}.{suffix.lower()}"


def is_repaired(path: str) -> bool:
    """True when `clip_name` had to change more than the end: characters that end keys, or more than a name may have.

    >>> is_repaired("/clips/a dog. Running.MP4"), is_repaired("/clips/a-dog.mp4")
    (True, False)
    """
    return not clip_name(path).startswith(path.rpartition("/")[2].rpartition(".")[0] + "-")


def handed_on_name(path: str, source: str, folder: str) -> str:
    """The clip's name for people who have other folders: its source, and its path below that source's folder here.

    A clip that does not lie there is called as in exports that link clips.

    >>> handed_on_name("/nfs/own/dogs/1.mp4", "own_clips", "/nfs/own")
    'own_clips/dogs/1.mp4'
    >>> handed_on_name("/elsewhere/1.mp4", "own_clips", "/nfs/own")
    'own_clips/1-2bbc075cec0ed391.mp4'
    """
    below = path.removeprefix(folder.rstrip("/") + "/")
    return f"{source}/{clip_name(path) if below == path else below}"


def rate_group(fps: float) -> float:
    """The frame rate under which a clip is grouped: a common one when it is that within a thousandth, else rounded to 1/1000.

    >>> rate_group(30000 / 1001), rate_group(24.0), rate_group(12.5)
    (29.97, 24.0, 12.5)
    """
    nearest = min(_COMMON_RATES, key=lambda rate: abs(rate - fps))
    return nearest if abs(nearest - fps) < 0.001 * nearest / 2 else round(fps, 3)
