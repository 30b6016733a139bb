"""The look of every picture: colours, axes, text that cannot break it, PNG bytes.

Object-oriented matplotlib on the Agg canvas: no pyplot, no display, nothing of a user's matplotlibrc, so that the same numbers
give the same bytes. White ground, so that pictures read in light and dark themes.
Belongs here: how things are drawn. Does not belong here: what is drawn (`report.plots`, `report.histograms`,
`report.contact_sheet`).
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from anyascii import anyascii
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import get_font
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter
from PIL import Image

# Dagster shows markdown about 900 pixels wide.
WIDTH_PX = 900
_DPI = 100
_FONT = {"family": "DejaVu Sans"}  # comes with matplotlib
_BOLD = {**_FONT, "weight": "bold"}

INK, MUTED, FAINT = "#1f2933", "#5b6875", "#e3e8ed"
KEPT, KEPT_PALE = "#2a7f9e", "#cfe4ec"
BAD = "#d1495b"
# One colour per stage that drops, told apart by colour-blind eyes too (after Okabe and Ito).
STAGES = {
    "enriched_metadata": "#e69f00",
    "size_filtered": "#8a63b8",
    "decode_check": BAD,
    "selected": "#56b4e9",
    "training_csv": "#6b8e23",
}
_SOURCE = "#7f8c99"


@contextmanager
def own_look() -> Iterator[None]:
    """Matplotlib's own defaults inside, whatever the user's matplotlibrc says (TeX, dark ground); a decorator too."""
    with mpl.rc_context():
        mpl.rcdefaults()
        yield


def stage_colour(stage: str) -> str:
    """The colour of a stage that drops clips; raw sources share one."""
    return STAGES.get(stage, _SOURCE)


def new_figure(height_px: int) -> Figure:
    """A white figure, `WIDTH_PX` wide, whose layout keeps labels apart by itself."""
    figure = Figure(figsize=(WIDTH_PX / _DPI, height_px / _DPI), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    figure.set_layout_engine(ConstrainedLayoutEngine(w_pad=0.10, h_pad=0.10, wspace=0.04, hspace=0.06))
    return figure


def style(axes: Axes, title: str, *, grid: Literal["x", "y"] = "y") -> None:
    """Title at the left, two pale spines, a pale grid behind the data."""
    axes.set_facecolor("white")
    axes.set_axisbelow(True)
    axes.set_title(safe(title), loc="left", color=INK, **_BOLD, fontsize=10.5, pad=8, y=1.0)
    for side, spine in axes.spines.items():
        spine.set_visible(side in {"left", "bottom"})
        spine.set_color("#c4ccd4")
        spine.set_linewidth(0.8)
    axes.tick_params(which="both", colors=MUTED, labelsize=9, length=0, labelfontfamily="DejaVu Sans")
    axes.grid(visible=True, axis=grid, color=FAINT, linewidth=0.8)


def label(axes: Axes, x: str, y: str) -> None:
    """Axis labels, with their units."""
    axes.set_xlabel(x, color=MUTED, **_FONT, fontsize=9)
    axes.set_ylabel(y, color=MUTED, **_FONT, fontsize=9)


def name_rows(axes: Axes, names: list[str], *, min_rows: int) -> None:
    """Rows 0, 1, ... from the top down, named at the left; room for `min_rows`, so that a single bar is no slab."""
    axes.set_yticks(range(len(names)), [safe(name) for name in names])
    axes.set_ylim(max(len(names), min_rows) - 0.4, -0.6)


def legend(axes: Axes, colours: dict[str, str], **options: Any) -> None:
    """Names with their colours; `options` say where."""
    handles = [Patch(color=colour, label=safe(name)) for name, colour in colours.items()]
    axes.legend(handles=handles, frameon=False, prop={**_FONT, "size": 9}, labelcolor=MUTED, **options)


def text(axes: Axes, x: float, y: float, words: str, **options: Any) -> Any:
    """Text in data coordinates (unless `transform` says otherwise); `is_bold`, `color` and `fontsize` as usual."""
    font = _BOLD if options.pop("is_bold", False) else _FONT
    return axes.text(x, y, safe(words), {**font, "fontsize": 9, "color": INK, "va": "center"}, **options)


def say_empty(axes: Axes, words: str) -> None:
    """In place of data."""
    axes.set_xticks([])
    axes.set_yticks([])
    text(axes, 0.5, 0.5, words, transform=axes.transAxes, ha="center", color=MUTED, fontsize=10)


def count_axis(axes: Axes, which: str) -> None:
    """Ticks at whole numbers with thousands separators, `1.2M` from a million on; also on log scales."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    if axis.get_scale() == "linear":
        axis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axis.set_major_formatter(FuncFormatter(_short_count))
    axis.set_minor_formatter(NullFormatter())


def _short_count(value: float, _position: object = None) -> str:
    if abs(value) >= 1_000_000:
        return f"{value / 1_000_000:g}M"
    return f"{value:,.0f}" if value >= 1 or value == 0 else ""


def png(figure: Figure) -> bytes:
    """The figure as PNG in 256 colours, a third of the bytes; no dates, no versions."""
    # Each colour within 16 of 255, in a ninth of the time that a median cut takes, which is within 9.
    drawn = _image(figure).quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    drawn.putpalette(_with_white(drawn.getpalette() or [], drawn.tobytes()[0]))
    buffer = io.BytesIO()
    drawn.save(buffer, "PNG")
    return buffer.getvalue()


def _with_white(palette: list[int], ground: int) -> list[int]:
    """The ground's colour as it was: the tree has mixed it with the palest greys."""
    return [*palette[: 3 * ground], 255, 255, 255, *palette[3 * ground + 3 :]]


def webp(figure: Figure) -> bytes:
    """The figure as WebP, for photographs: all colours, a tenth of what a PNG of them takes."""
    buffer = io.BytesIO()
    _image(figure).save(buffer, "WEBP", quality=90, method=4)
    return buffer.getvalue()


def _image(figure: Figure) -> Image.Image:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # once: `savefig` draws twice where a layout engine is set
    return Image.fromarray(np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[:, :, :3]), "RGB")


def readable(words: str) -> str:
    """Words in characters that the font has; others in Latin letters (`片段` is PianDuan), a film clapper is `:clapper:`.

    Tabs and the like are blanks, other control characters are marked as such. Fonts of all scripts are larger than this program,
    and those of a machine would give other bytes on another.
    """
    known = _characters()
    return "".join(c if ord(c) in known else _in_latin(c, known) for c in words)


def _in_latin(character: str, known: frozenset[int]) -> str:
    if character in "\t\r\v\f":
        return " "
    latin = anyascii(character)  # of control characters, themselves
    return latin if latin and all(ord(c) in known for c in latin) else "\N{REPLACEMENT CHARACTER}"


def safe(words: str) -> str:
    """Text that matplotlib draws as it is: no mathematics between dollar signs, no characters that the font lacks."""
    return readable(words).replace("$", r"\$")


@cache
def _characters() -> frozenset[int]:
    return frozenset(get_font(f"{mpl.get_data_path()}/fonts/ttf/DejaVuSans.ttf").get_charmap()) | {10}
