"""What may be wrong with captions: refusals of a model, markup, mojibake, another script than the rest, too long, repeated.

Everything works on Arrow columns of a few thousand captions; only captions that are not plain ASCII are looked at one by one.
Findings are hints, not verdicts: nothing is dropped or rewritten by them.
Belongs here: the rules. Does not belong here: reading the table (`report.captions`), what a trainer refuses
(`select.rules.lint`).
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from fontTools.unicodedata import script, script_name
from ftfy.badness import is_bad

FINDINGS = {
    "repeated": "another clip has exactly the same caption",
    "refusal": "it reads like a model that refuses or speaks of itself: I cannot, I'm sorry, as an AI, ...",
    "markup": "HTML, Markdown, template or chat marks, or an address",
    "mojibake": "decoded wrongly once (Ã© for é), or with the sign for a lost character",
    "other_script": "letters of a script that fewer than a fifth of the captions have",
    "too_many_words": "more words than report.max_caption_words",
    "too_many_tokens": "more tokens than report.max_caption_tokens",
}
"""What is looked for, in the order in which it is told."""

_REFUSAL = (
    r"(?i)\bI(?:'m| am) (?:sorry|unable|not able)\b|\bI (?:cannot|can't|can ?not|do not have the ability)\b|\bI apologi[sz]e\b"
    r"|\bas an? (?:AI|artificial intelligence|(?:large )?language model)\b|\bI(?:'m| am) an? (?:AI|language model)\b"
    r"|\b(?:image|video|frames?) (?:was|were|is|are) not provided\b|抱歉|作为一个?(?:AI|人工智能)|无法(?:提供|描述|查看)"
)
PATTERN_OF_MARKUP = (
    r"<\/?[A-Za-z][A-Za-z0-9]*(?:\s[^<>]*)?\/?>|<\|[^|<>]*\|>|&(?:#[0-9]+|#x[0-9A-Fa-f]+|amp|lt|gt|quot|nbsp|apos);"
    r"|\*\*[^*\s]|__[^_\s]+__|```|(?m:^#{1,6} )|\[[^\]]*\]\([^)]*\)|\[/?INST\]|\{\{|\}\}|https?://"
)
# A tenth of the time of the whole pattern, and few captions have any of it.
_SIGN_OF_MARKUP = r"[<&*_`#\[{}]|://"
# What ftfy looks for has at most seven characters, one of them not ASCII: the midst of a long ASCII part cannot matter to it.
_LONG_ASCII = re.compile(r"([\x00-\x7f]{8})[\x00-\x7f]+([\x00-\x7f]{8})")
_LETTER = "[A-Za-z]"
_RARE = 0.2
_N_EXAMPLES = 3
_NO_SCRIPT = frozenset({"Zyyy", "Zinh", "Zzzz"})


class Tally(NamedTuple):
    """How many captions, and the numbers of the first of them, counted from the first one of their part."""

    clips: int
    first: list[int]

    @classmethod
    def of(cls, rows: npt.NDArray[np.int64]) -> Self:
        """Of the captions with these numbers."""
        return cls(len(rows), rows[:_N_EXAMPLES].tolist())


@dataclass(frozen=True)
class Marks:
    """What one part of a table shows: captions by finding, and by the scripts of their letters (ISO 15924 codes, sorted)."""

    clips: int
    findings: dict[str, Tally]
    scripts: list[tuple[list[str], Tally]]


def marks_of(captions: pa.StringArray, long: dict[str, npt.NDArray[np.bool_]]) -> Marks:
    """Look at the captions of a part; `long` says of each limit which of them are over it."""
    is_ascii = _mask("string_is_ascii", captions)
    others = np.flatnonzero(~is_ascii)
    texts = captions.take(pa.array(others)).to_pylist()
    is_garbled = np.zeros(len(captions), dtype=bool)
    is_garbled[others] = [is_mojibake(text) for text in texts]
    found = {
        "refusal": _matches(captions, _REFUSAL),
        "markup": has_markup(captions),
        "mojibake": is_garbled,
        **long,
    }
    by_script: dict[frozenset[str], list[int]] = {}
    for row, text in zip(others.tolist(), texts, strict=True):
        by_script.setdefault(scripts_of(text), []).append(row)
    by_script.setdefault(frozenset({"Latn"}), []).extend(np.flatnonzero(is_ascii & _matches(captions, _LETTER)).tolist())
    return Marks(
        clips=len(captions),
        findings={name: Tally.of(np.flatnonzero(is_found)) for name, is_found in found.items()},
        scripts=[(sorted(scripts), Tally.of(np.sort(np.array(rows, np.int64)))) for scripts, rows in by_script.items()],
    )


@dataclass
class CaptionCount:
    """Captions counted so far, a part of the table at a time. `rows` are row numbers of the first captions of each finding."""

    clips: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    rows: dict[str, list[int]] = field(default_factory=dict)
    scripts: Counter[frozenset[str]] = field(default_factory=Counter)
    script_rows: dict[frozenset[str], list[int]] = field(default_factory=dict)

    def take(self, marks: Marks) -> None:
        """Count the next part."""
        for name, tally in marks.findings.items():
            self.counts[name] += tally.clips
            self._note(self.rows.setdefault(name, []), tally)
        for codes, tally in marks.scripts:
            self.scripts[frozenset(codes)] += tally.clips
            self._note(self.script_rows.setdefault(frozenset(codes), []), tally)
        self.clips += marks.clips

    def _note(self, known: list[int], tally: Tally) -> None:
        known += [row + self.clips for row in tally.first[: _N_EXAMPLES - len(known)]]

    @property
    def rare_scripts(self) -> dict[str, int]:
        """Captions by the name of a script that few of all captions have, the commonest first."""
        uses: Counter[str] = Counter()
        for scripts, n in self.scripts.items():
            uses.update(dict.fromkeys(scripts, n))
        return {name: n for name, n in uses.most_common() if n < _RARE * self.clips}

    def close(self) -> None:
        """Settle what only the whole table says: which scripts are not those of the rest."""
        rare = set(self.rare_scripts)
        odd = [scripts for scripts in self.scripts if scripts & rare]
        self.counts["other_script"] = sum(self.scripts[scripts] for scripts in odd)
        self.rows["other_script"] = sorted(row for scripts in odd for row in self.script_rows[scripts])[:_N_EXAMPLES]


def has_markup(captions: pa.StringArray) -> npt.NDArray[np.bool_]:
    """Which captions have HTML, Markdown, template or chat marks, or an address; only those with a sign of it are looked at."""
    found = _matches(captions, _SIGN_OF_MARKUP)
    found[found] = _matches(captions.filter(pa.array(found)), PATTERN_OF_MARKUP)
    return found


def is_mojibake(text: str) -> bool:
    """True when it was decoded wrongly once, or holds U+FFFD."""
    return "\N{REPLACEMENT CHARACTER}" in text or bool(is_bad(_LONG_ASCII.sub(r"\1\2", text)))


def scripts_of(text: str) -> frozenset[str]:
    """ISO 15924 codes of the scripts of its letters; digits, punctuation, emoji and what all scripts share count for none."""
    return frozenset(map(_script, filter(str.isalpha, set(text)))) - _NO_SCRIPT


@cache
def _script(letter: str) -> str:
    return script(letter)


def script_names(codes: dict[str, int]) -> dict[str, int]:
    """The same by the scripts' names: Han for Hani."""
    return {str(script_name(code, code)).replace("_", " "): n for code, n in codes.items()}


def _matches(captions: pa.StringArray, pattern: str) -> npt.NDArray[np.bool_]:
    return _mask("match_substring_regex", captions, pc.MatchSubstringOptions(pattern))


def _mask(function: str, captions: pa.StringArray, options: Any = None) -> npt.NDArray[np.bool_]:
    found = pc.call_function(function, [captions], options)
    return found.to_numpy(zero_copy_only=False).astype(bool)
