"""The page over the tables of 1.3 million clips: start, memory, and 50 questions as the page sends them, p50 and p95.

    .venv/bin/python benchmarks/look.py --rows 1300000

Tables are generated first: a quarter of the captions has 350 words, the others 15, of 200,000 words after Zipf's law; 3 % do not
decode. Columns that the page never reads (captions but for the ledger's, the rows of size_filtered) stay empty. Then
`video-assets look` is started as the program it is and asked over HTTP: for every filter the first 60 clips and the counts with
all histograms. Words that nobody asked for before are looked up in the index, and are listed apart. CPU is that of the server: on
a machine that does other things, wall time says little.
"""

import argparse
import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from video_assets.core.schema import CHECKED, CLIPS, DROPPED, LEDGER, TRAINING
from video_assets.core.sharding import shard_keys
from video_assets.storage.durable import hash_file
from video_assets.storage.layout import Layout
from video_assets.storage.stages import dropped_path
from video_assets.storage.tables import ROWS_PER_GROUP, note_metadata

N_SHARDS = 24
N_QUESTIONS = 50
N_WORDS = 200_000
KNOWN = {0: "the", 1: "a", 300: "sign", 500: "dog", 3_000: "café", 60_000: "zebra"}
"""Words that are asked, by the place among the words, the most frequent of which is the first."""


def main() -> None:
    """Generate, start, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_300_000)
    parser.add_argument("--folder", type=Path, help="keep the tables here and use them again; default: a temporary folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        if not (folder / "ready").exists():
            generate(folder, options.rows)
        shutil.rmtree(Layout(folder).look_tables, ignore_errors=True)
        measure(folder, is_asked=False)
        measure(folder, is_asked=True)


def measure(folder: Path, *, is_asked: bool) -> None:
    """One server until words can be searched, then asked one question after another."""
    line = [sys.executable, "-m", "video_assets.cli.app", "look", "--data-root", str(folder), "--port", "0"]
    begun = time.perf_counter()
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        port = int(re.search(r":(\d+)/", process.stdout.readline())[1])
        print(f"{'listening after':34}{time.perf_counter() - begun:>9.1f} s")
        server = psutil.Process(process.pid)
        tables = wait_for_tables(port)
        print(f"{'tables joined after':34}{time.perf_counter() - begun:>9.1f} s{cpu_s(server):>9.1f} CPU-s")
        paint = timed(server, lambda: [ask(port, path) for path in FIRST_PAINT])
        print(f"{'first paint: page, state, 60 clips':34}{paint[0]:>9.0f} ms{paint[1]:>8.0f} CPU-ms")
        wait_for(port, lambda state: not state["why_no_words"])
        print(f"{'words searchable after':34}{time.perf_counter() - begun:>9.1f} s{cpu_s(server):>9.1f} CPU-s")
        if is_asked:
            ask_all(port, server, tables)
        else:
            wait_for_copy(folder)
        print(f"{'peak memory':34}{memory_mib(process.pid, 'VmHWM'):>9.0f} MiB, {tables['clips']:,} clips")
        print(f"{'at the end, mapped files left out':34}{memory_mib(process.pid, 'RssAnon'):>9.0f} MiB")
    finally:
        process.terminate()
        process.wait()


SCRIPTS = ("app", "api", "columns", "dom", "facets", "gallery", "pictures", "state", "viewer")
FIRST_PAINT = ("/", "/static/style.css", *(f"/static/{name}.js" for name in SCRIPTS), "/api/state", "/api/clips?limit=60")


def ask_all(port: int, server: psutil.Process, tables: dict) -> None:
    """Print what the questions took: new words apart."""
    first, again, others = [], [], []
    for question in questions(tables):
        taken = [timed(server, lambda path=path, query=question: ask(port, f"{path}?{query}")) for path in PATHS]
        if "words" in question:
            first.append(taken)
            again.append([timed(server, lambda path=path, query=question: ask(port, f"{path}?{query}")) for path in PATHS])
        else:
            others.append(taken)
    for title, found in (("filters, order, chance", others), ("new words of a caption", first), ("the same words again", again)):
        for place, path in enumerate(PATHS):
            wall, cpu = (np.array([taken[place][which] for taken in found]) for which in (0, 1))
            name = f"{title}: {path.rpartition('/')[2]}"
            print(
                f"{name:34}{np.percentile(wall, 50):>9.0f} ms p50{np.percentile(wall, 95):>7.0f} ms p95"
                f"{np.percentile(cpu, 50):>9.0f} CPU-ms p50{np.percentile(cpu, 95):>7.0f} p95   {len(wall)} questions"
            )


PATHS = ("/api/clips", "/api/facets")


def questions(tables: dict) -> list[str]:
    """Query strings of `N_QUESTIONS` states of the page, the same in every run."""
    chance = random.Random(0)
    axes = {axis["name"]: axis["edges"] for axis in tables["axes"]}
    words = ["dog", "café", "sign", "the", "zebra", "the,", "in", "er", "5", "a", "e", "nowhere"]
    return list(dict.fromkeys(urlencode(question(number, axes, words, chance)) for number in range(N_QUESTIONS)))


def question(number: int, axes: dict[str, list[float]], words: list[str], chance: random.Random) -> dict[str, str]:
    """One state of the page: words, a range, a status, a reason, an order, in turn."""
    name, other = chance.choice(sorted(axes)), chance.choice(sorted(axes))
    low, high = sorted(chance.sample(axes[name], 2))
    parts = (
        (number % 5 == 0, {"words": " ".join(chance.sample(words, 1 + number % 2))}),
        (number % 2 == 1, {name: f"{low:.6g}..{high:.6g}"}),
        (number % 3 == 0, {"status": chance.choice(["kept", "dropped"])}),
        (number % 4 == 1, {"reason": chance.choice(["corrupt_video", "empty_caption"])}),
        (number % 7 == 2, {"sort": chance.choice(["-", ""]) + other}),
        (number % 7 == 3, {"seed": str(number)}),
    )
    return {key: value for is_asked, part in parts if is_asked for key, value in part.items()}


def ask(port: int, path: str) -> bytes:
    """The answer, or an error."""
    connection = HTTPConnection("127.0.0.1", port, timeout=600)
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    assert response.status == 200, body
    return body


def wait_for_tables(port: int) -> dict:
    """The state's tables, as soon as there are any."""
    return wait_for(port, lambda state: state["tables"])["tables"]


def wait_for(port: int, is_so) -> dict:
    """The state, as soon as it is so."""
    while not is_so(state := json.loads(ask(port, "/api/state"))):
        assert not state["trouble"], state["trouble"]
        time.sleep(0.05)
    return state


def wait_for_copy(folder: Path) -> None:
    """Until the copy in the data root is whole; print its size."""
    while not (lists := list(Layout(folder).look_tables.glob("*/files.json"))):
        time.sleep(0.1)
    for file in sorted(lists[0].parent.glob("*.arrow")):
        print(f"{file.name:34}{file.stat().st_size / 2**20:>9.1f} MiB")


def timed(server: psutil.Process, act) -> tuple[float, float]:
    """Wall and the server's CPU milliseconds."""
    start, before = time.perf_counter(), cpu_s(server)
    act()
    return (time.perf_counter() - start) * 1000, (cpu_s(server) - before) * 1000


def cpu_s(server: psutil.Process) -> float:
    """CPU seconds so far."""
    times = server.cpu_times()
    return times.user + times.system


def memory_mib(pid: int, name: str) -> float:
    """Resident memory as Linux names it; pages of mapped files are a part of VmHWM, the peak."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(f"{name}:")) / 1024


def generate(folder: Path, n_rows: int, *, is_whole: bool = True) -> None:
    """Tables as after a publication, in the pipeline's own columns and row groups; else the shards alone."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "video_assets.toml").write_text(f'[own_clips]\nfolder = "/clips"\n[decode]\nn_shards = {N_SHARDS}\n')
    layout, rng = Layout(folder), np.random.default_rng(0)
    clips = columns_of(rng, n_rows)
    fate = rng.choice(["kept", "uncaptioned", "large", "bad"], n_rows, p=[0.94, 0.02, 0.01, 0.03])
    lost = {
        "uncaptioned": ("enriched_metadata", "empty_caption", "the caption is empty"),
        "large": ("size_filtered", "file_too_large", "60.0 MiB; the limit is 50.0 MiB"),
        "bad": ("decode_check", "corrupt_video", "[h264] error while decoding MB 12 7, bytestream -7"),
    }
    dropped = {
        name: with_constants(clips.filter(pa.array(fate == name)), stage=stage, reason=reason, detail=detail)
        for name, (stage, reason, detail) in lost.items()
    }
    early = pa.concat_tables([dropped["uncaptioned"], dropped["large"]])
    if is_whole:
        write(layout.ledger("own_clips"), LEDGER, clips)
        clips = with_constants(clips, text="")
        write(layout.enriched_metadata, CLIPS, clips.filter(pa.array(fate != "uncaptioned")))
        write(dropped_path(layout.enriched_metadata), DROPPED, dropped["uncaptioned"])
        write(layout.size_filtered, CLIPS, clips.slice(0, 0))
        write(dropped_path(layout.size_filtered), DROPPED, early)
    every = pa.concat_tables([early, dropped["bad"]])
    good = with_constants(clips, verdict="good", errors="", checker_version="3", ffmpeg_versions="libavcodec 62")
    kept = np.flatnonzero(fate == "kept")
    for number, shard in enumerate(shard_keys(N_SHARDS)):
        beside = dropped_path(layout.checked(shard))
        write(beside, DROPPED, every if number == 0 else every.slice(0, 0))
        write(layout.checked(shard), CHECKED, good.take(pa.array(kept[number::N_SHARDS])), {"dropped_hash": hash_file(beside)})
    if is_whole:
        write(layout.dropped, DROPPED, every)
        write(layout.training_table("training"), TRAINING, clips.filter(pa.array(fate == "kept")))
    (folder / "ready").touch()


def write(path: Path, spec, rows: pa.Table, note: dict | None = None) -> None:
    """The columns of a table's contract that are there; nulls for the others."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = [
        rows.column(field.name).cast(field.type) if field.name in rows.column_names else pa.nulls(rows.num_rows, field.type)
        for field in spec.arrow
    ]
    table = pa.table(columns, names=spec.names).replace_schema_metadata(note_metadata(note or {}))
    pq.write_table(table, path, compression="zstd", row_group_size=ROWS_PER_GROUP, use_dictionary=["source", "status", "stage"])


def with_constants(rows: pa.Table, **constants: str) -> pa.Table:
    """Rows with columns of one value."""
    for name, value in constants.items():
        filled = pa.repeat(pa.scalar(value), rows.num_rows)
        place = rows.column_names.index(name) if name in rows.column_names else -1
        rows = rows.append_column(name, filled) if place < 0 else rows.set_column(place, name, filled)
    return rows


def columns_of(rng: np.random.Generator, n_rows: int) -> pa.Table:
    """Plausible values, in the order of the key, with two scores as a source brings them."""
    height = rng.choice([360, 480, 720, 1080, 2160], n_rows)
    number = pa.array(np.arange(n_rows))
    padded = pc.utf8_lpad(number.cast(pa.string()), 8, "0")
    folder = pc.utf8_lpad(pa.array(np.arange(n_rows) // 1300).cast(pa.string()), 4, "0")
    names = pc.binary_join_element_wise(folder, padded, "/clip ")
    scores = pa.array(np.round(rng.normal(5, 1, n_rows), 4)).cast(pa.string())
    duration = rng.lognormal(2, 0.8, n_rows)
    fps = rng.choice([24.0, 25.0, 30000 / 1001, 30.0, 50.0, 59.94005994005994], n_rows)
    constants = {"source": "own_clips", "status": "ok", "reason": "", "detail": "", "origin": "captions.csv", "probe_detail": ""}
    table = pa.table(
        {
            "clip_key": pc.binary_join_element_wise("own_clips/", names, ".mp4", ""),
            "path": pc.binary_join_element_wise("/shared/text-to-video/clips/own/", names, ".mp4", ""),
            "text": captions(rng, n_rows),
            "height": height,
            "width": height * 16 // 9,
            "aspect_ratio": np.full(n_rows, 9 / 16),
            "resolution": height * (height * 16 // 9),
            "fps": fps,
            "duration_s": duration,
            "num_frames": np.maximum(1, duration * fps).astype(np.int64),
            "file_size": (duration * height * rng.lognormal(8, 0.5, n_rows) / 10).astype(np.int64) + 1000,
            "mtime_ns": rng.integers(1_600_000_000 * 10**9, 1_700_000_000 * 10**9, n_rows),
            "content_hash": content_hashes(rng, n_rows),
            "extras": pc.binary_join_element_wise('{"aesthetic score": ', scores, "}", ""),
        }
    )
    return with_constants(table, **constants, probe_status="ok", video_codec="h264")


def content_hashes(rng: np.random.Generator, n_rows: int) -> pa.Array:
    """Of 32 hexadecimal digits; a clip in a hundred has the bytes of another one."""
    digits = pa.py_buffer(rng.bytes(16 * n_rows).hex().encode())
    each = pa.StringArray.from_buffers(n_rows, pa.py_buffer(np.arange(n_rows + 1, dtype=np.int32) * 32), digits)
    return each.take(pa.array(np.where(rng.random(n_rows) < 0.01, rng.integers(0, n_rows, n_rows), np.arange(n_rows))))


def captions(rng: np.random.Generator, n_rows: int) -> pa.ChunkedArray:
    """A quarter with 350 words (ten pieces of 35), the others with 15; hardly two are the same."""
    words = vocabulary(rng, min(N_WORDS, 100 * n_rows))
    # Zipf's law: the word of rank n is as frequent as 1/n.
    chances = np.cumsum(1 / np.arange(1, len(words) + 1))
    pieces, short = (pieces_of(rng, words, chances, min(n, n_rows), n_words) for n, n_words in ((60_000, 35), (200_000, 5)))
    chunks = []
    for start in range(0, n_rows, 1 << 16):
        n = min(1 << 16, n_rows - start)
        long = [pieces.take(pa.array(rng.integers(0, len(pieces), n // 4))) for _ in range(10)]
        brief = [short.take(pa.array(rng.integers(0, len(short), n - n // 4))) for _ in range(3)]
        both = pa.concat_arrays([pc.binary_join_element_wise(*each, " ") for each in (long, brief) if len(each[0])])
        chunks.append(both.take(pa.array(rng.permutation(n))))
    return pa.chunked_array(chunks)


def pieces_of(rng: np.random.Generator, words: np.ndarray, chances: np.ndarray, n: int, n_words: int) -> pa.Array:
    """Texts of so many words; each ends with a comma or a full stop, and begins with a capital where one ended before."""
    drawn = words[np.searchsorted(chances, rng.random((n, n_words)) * chances[-1])]
    return pa.array(
        [" ".join(row).capitalize() + "," * (number % 2) + "." * (number % 2 == 0) for number, row in enumerate(drawn)]
    )


def vocabulary(rng: np.random.Generator, n_words: int) -> np.ndarray:
    """Words from the most frequent to the rarest, longer and longer, of letters as frequent as in English; and `KNOWN`."""
    letters, frequent = np.array(list("etaoinshrdlcumwfgypbvkjxqz")), 1 / np.arange(2, 28)
    drawn = rng.choice(letters, (2 * n_words, 14), p=frequent / frequent.sum())
    lengths = np.clip(rng.normal(2 + 1.2 * np.log10(np.arange(1, 2 * n_words + 1)), 1.3), 1, 14).astype(int)
    found = dict.fromkeys(KNOWN.values()) | dict.fromkeys(
        "".join(row[:length]) for row, length in zip(drawn, lengths, strict=True)
    )
    words = [word for word in found if word not in KNOWN.values()][:n_words]
    for rank, word in KNOWN.items():
        words.insert(rank, word)
    return np.array(words)


if __name__ == "__main__":
    main()
