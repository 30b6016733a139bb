"""Settings that are refused, in words: which one, what it is, what it may be; of a misspelt one the nearest ("did you mean").

Belongs here: the words. Does not belong here: the rules (`steps`, `sources`, `model`).
"""

import difflib
import re
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsError

from video_assets.core.errors import UsageError
from video_assets.settings.model import fields_of_settings, load_settings, settings_file

_WORDS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "int_parsing": lambda _: "must be a whole number",
    "int_type": lambda _: "must be a whole number",
    "int_from_float": lambda _: "must be a whole number",
    "float_parsing": lambda _: "must be a number",
    "float_type": lambda _: "must be a number",
    "bool_parsing": lambda _: "must be true or false",
    "bool_type": lambda _: "must be true or false",
    "string_type": lambda _: "must be text",
    "path_type": lambda _: "must be a path",
    "tuple_type": lambda _: "must be a list",
    "greater_than": lambda limits: f"must be more than {limits['gt']:g}",
    "greater_than_equal": lambda limits: f"must be at least {limits['ge']:g}",
    "less_than": lambda limits: f"must be less than {limits['lt']:g}",
    "less_than_equal": lambda limits: f"must be at most {limits['le']:g}",
    "literal_error": lambda limits: f"must be {limits['expected']}",
    "string_pattern_mismatch": lambda limits: f"must match {limits['pattern']}",
    "model_type": lambda _: "must be a section of settings",
    "model_attributes_type": lambda _: "must be a section of settings",
}


def problems_now() -> list[str]:
    """A sentence for each thing that is wrong with the settings of this moment; none when they can be used."""
    try:
        load_settings()
    except ValidationError as error:
        return describe(error)
    except (UsageError, OSError) as error:
        return [str(error)]
    return []


def describe(error: ValidationError) -> list[str]:
    """A sentence for each setting that is refused."""
    return [_sentence(problem) for problem in error.errors()]


def describe_unparsable(error: SettingsError) -> str:
    """A sentence for a variable that is no section: pydantic-settings wants JSON there, and names the field alone."""
    found = re.search(r'field "(\w+)"', str(error))
    name = f"VIDEO_ASSETS_{found[1].upper()}" if found else "VIDEO_ASSETS_*"
    return f"{name} is set in the environment and is no section of settings: unset it; a single one is {name}__NAME"


def field_of(key: str) -> tuple[str, str]:
    """Section ("" at the top level) and field of `key`.

    Raises:
        UsageError: there is none of that name; the message names the nearest.
    """
    names = [name for name, _ in fields_of_settings()]
    if key not in names:
        raise UsageError(f"there is no setting {key!r}{_nearest(key)} (`video-assets settings` lists all)")
    section, _, name = key.rpartition(".")
    return section, name


def _sentence(problem: ErrorDetails) -> str:
    key = ".".join(str(part) for part in problem["loc"])
    kind, limits = problem["type"], problem.get("ctx", {})
    if kind == "extra_forbidden":
        return f"there is no setting {key!r} (in {settings_file()} or in the environment){_nearest(key)}"
    if kind == "value_error":
        said = str(limits["error"])
        return f"setting {key}: {said}" if key else said
    rule = _WORDS[kind](limits) if kind in _WORDS else problem["msg"]
    return f"setting {key} {rule}, and is {problem['input']!r}"


def _nearest(key: str) -> str:
    """`; did you mean ...?` when a setting has nearly that name, else nothing."""
    names = [name for name, _ in fields_of_settings()]
    close = difflib.get_close_matches(key, names, n=1, cutoff=0.6)
    close = close or [name for name in names if name.rpartition(".")[2] == key.rpartition(".")[2]][:1]
    return f"; did you mean {close[0]}?" if close else ""
