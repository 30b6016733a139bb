"""The report as one file that opens from disk and can be mailed: every picture, the funnel with its reasons, the version.

Belongs here: that page. Does not belong here: the pictures (`report.plots`, `report.histograms`, `report.contact_sheet`),
the page that looks at clips (`look`).
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from html import escape

from video_assets.core.funnel import Funnel
from video_assets.core.units import count, share
from video_assets.publish.rules.manifest import Changes, Manifest
from video_assets.report.previews import kind_of
from video_assets.report.rules.caption_lint import FINDINGS
from video_assets.report.rules.caption_record import CaptionRecord

_TITLES = {
    "funnel": "The funnel as a picture",
    "histograms": "Kept clips in numbers",
    "drop_reasons": "Dropped clips in numbers",
    "kept_clips": "Some of the kept clips",
    "dropped_clips": "Some of the dropped clips, by reason",
    "miradata_progress": "MiraData",
}
_PHOTOGRAPHS = ("kept_clips", "dropped_clips")
# Nothing is fetched and nothing runs, whatever the texts say.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_STYLE = """
:root{color-scheme:light dark;--bg:#f6f7f8;--panel:#fff;--ink:#1b2026;--muted:#5c6670;--line:#e1e5e9;--bad:#b4304a;--kept:#1c6f8f}
@media(prefers-color-scheme:dark){:root{--bg:#101214;--panel:#16191c;--ink:#e7eaed;--muted:#98a3ad;--line:#2a3036;--bad:#f2879a;
--kept:#62b6d3}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:980px;margin:0 auto;padding:40px 20px 80px}
h1{font-size:26px;margin:0;overflow-wrap:anywhere}h2{font-size:17px;margin:44px 0 12px}
p{color:var(--muted);margin:6px 0;overflow-wrap:anywhere}
.table,figure,.numbers div{background:var(--panel);border:1px solid var(--line);border-radius:12px}
.table{overflow-x:auto}.numbers{display:flex;flex-wrap:wrap;gap:12px;margin:26px 0}.numbers div{flex:1 1 150px;padding:16px 20px}
.numbers b{display:block;font-size:24px;font-weight:650;font-variant-numeric:tabular-nums}
.numbers span{color:var(--muted);font-size:13px}
table{border-collapse:collapse;width:100%;font-size:14px}
th,td{text-align:left;padding:8px 14px;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
td:first-child{min-width:165px}
a{color:inherit}th{color:var(--muted);font-weight:600;font-size:12.5px}tr:last-child td{border:0}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.reason{color:var(--bad);white-space:nowrap}.kept{color:var(--kept);font-weight:650}.words{color:var(--muted);min-width:220px}
figure{margin:0;background:#fff;padding:10px}img{display:block;max-width:100%;height:auto;margin:0 auto}
@media(max-width:640px){.table tr{display:flex;flex-wrap:wrap;gap:2px 14px;padding:10px 14px;border-bottom:1px solid var(--line)}
.table tr.head{display:none}.table tr:last-child{border:0}.table td{border:0;padding:0;min-width:0}
.words{flex:1 0 100%}.n::before{content:attr(data-head) " ";color:var(--muted)}}
@media print{body{background:#fff}figure,tr{break-inside:avoid}}
"""

Row = Sequence[tuple[str, object]]
"""Cells of a table: class, and content that is not escaped yet; an `Html` is."""

AddressOf = Callable[..., str | None]
"""The address that shows the clips of `stage` and `reason`, if somebody serves them."""


class Html(str):
    """Markup made here, of escaped texts."""

    __slots__ = ()


def report_page(
    counted: Funnel,
    pictures: Mapping[str, bytes],
    manifest: Manifest,
    *,
    meanings: Mapping[str, str],
    address_of: AddressOf,
    place: str,
    captions: CaptionRecord | None = None,
) -> str:
    """The page, whole in itself.

    Args:
        counted: the funnel of what was published.
        pictures: PNG or WebP by name; contact sheets come first.
        manifest: that of what was published. Names in it are strangers' text.
        meanings: what a reason means, by reason.
        address_of: where the clips of a reason are shown.
        place: when and where it was published.
        captions: what was found in the captions; None when nobody looked.
    """
    name = manifest.name
    ordered = sorted(pictures, key=lambda picture: picture not in _PHOTOGRAPHS)
    parts = [
        f"<h1>{escape(name)}</h1><p>Version {manifest.version}, {escape(place)}</p>",
        _numbers(counted),
        _part("From listed to kept", _funnel(counted, meanings, address_of)),
        _part("Since the version before", _changes(manifest.changes)),
        _part("Sources", _sources(manifest.counts.sources)),
        *(
            _part(_TITLES.get(picture, picture.replace("_", " ").capitalize()), _figure(picture, pictures[picture]))
            for picture in ordered
        ),
        *([_part("Captions, and what may be wrong with them", _captions(captions))] if captions else []),
        _part("Made with", _made_with(manifest)),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(name)}: {count(counted.kept, 'clips')} of {counted.listed:,}</title><style>{_STYLE}</style>"
        f"</head><body><main>{''.join(parts)}</main></body></html>\n"
    )


def _part(title: str, body: str) -> str:
    return f"\n<h2>{escape(title)}</h2>\n{body}"


def _numbers(counted: Funnel) -> str:
    told = (
        (counted.listed, "clips listed"),
        (counted.kept, f"kept, {share(counted.kept, counted.listed)}"),
        (counted.dropped, f"dropped, {share(counted.dropped, counted.listed)}"),
    )
    boxes = (f"<div><b>{number:,}</b><span>{words}</span></div>" for number, words in told)
    return f'<div class="numbers">{"".join(boxes)}</div>'


def _funnel(counted: Funnel, meanings: Mapping[str, str], address_of: AddressOf) -> str:
    rows: list[Row] = [
        [
            ("", drop.stage),
            ("reason", _link(drop.reason, address_of(stage=drop.stage, reason=drop.reason))),
            ("n", f"{drop.clips:,}"),
            ("n", share(drop.clips, counted.listed)),
            ("words", meanings.get(drop.reason, "")),
        ]
        for drop in counted.drops
    ]
    kept = share(counted.kept, counted.listed)
    rows.append([("kept", "kept"), ("", ""), ("n", f"{counted.kept:,}"), ("n", kept), ("words", "in the training CSV")])
    return _table([("", "stage"), ("", "reason"), ("n", "clips"), ("n", "share"), ("", "meaning")], rows)


def _changes(changes: Changes | None) -> str:
    if changes is None:
        return "<p>There is no version before to compare with.</p>"
    counts = changes.counts
    numbers = (("added", counts.added), ("dropped", counts.dropped), ("changed", counts.changed))
    rows: list[Row] = [[("", kind), ("n", f"{number:,}")] for kind, number in numbers]
    return _table([("", f"clips, since version {changes.since}"), ("n", "number")], rows)


def _sources(sources: Mapping[str, Mapping[str, int]]) -> str:
    kinds = ("listed", "kept", "dropped")
    rows = [[("", source), *(("n", f"{counts.get(kind, 0):,}") for kind in kinds)] for source, counts in sources.items()]
    return _table([("", "source"), *(("n", kind) for kind in kinds)], rows)


def _captions(captions: CaptionRecord) -> str:
    words = captions.words
    head = f"{words.least:,} to {words.most:,} words, half of them have at most {words.median:,}. Nothing was changed."
    rows: list[Row] = [
        [
            ("", name),
            ("n", f"{finding.clips:,}"),
            ("words", FINDINGS[name]),
            ("words", "; ".join(f"{each.path.rpartition('/')[2]}: {each.text}" for each in finding.examples)),
        ]
        for name, finding in captions.findings.items()
    ]
    table = _table([("", "finding"), ("n", "clips"), ("", "meaning"), ("", "first ones")], rows)
    return f"<p>{escape(head)}</p>{table}"


def _made_with(manifest: Manifest) -> str:
    decoders = manifest.decoded_by.items()
    versions = [*manifest.made_from.versions.items(), *((name, ", ".join(found)) for name, found in decoders)]
    return _table([("", "what"), ("", "version")], [[("", name), ("words", version)] for name, version in versions])


def _link(words: str, address: str | None) -> str:
    if address is None:
        return words
    return Html(f'<a href="{escape(address)}" rel="noreferrer" title="Look at these clips">{escape(words)}</a>')


def _table(head: Row, rows: Sequence[Row]) -> str:
    names = "".join(f'<th class="{kind}" scope="col">{_inside(name)}</th>' for kind, name in head)
    lines = (f"<tr>{''.join(map(_cell, row, head))}</tr>" for row in rows)
    return f'<div class="table" tabindex="0"><table><tr class="head">{names}</tr>{"".join(lines)}</table></div>'


def _cell(cell: tuple[str, object], head: tuple[str, object]) -> str:
    """A phone shows no heads of columns: a number tells its own."""
    kind, content = cell
    return f'<td class="{kind}" data-head="{_inside(head[1])}">{_inside(content)}</td>'


def _inside(content: object) -> str:
    return content if isinstance(content, Html) else escape(str(content))


def _figure(name: str, picture: bytes) -> str:
    source = f"data:image/{kind_of(picture)};base64,{base64.b64encode(picture).decode()}"
    words = escape(name.replace("_", " "))
    return f'<figure><img alt="{words}" src="{source}"></figure>'
