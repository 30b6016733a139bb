"""What every section of the settings is, whatever it sets: frozen, strict about names; and paths that are absolute.

Belongs here: what all sections share. Does not belong here: a section (`steps`, `sources`, `slurm`, `hub_dataset`).
"""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator

_log = logging.getLogger(__name__)


def absolute(path: Path) -> Path:
    """The path from the root on, `~` replaced, symbolic links kept."""
    return Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 - resolve() would follow symbolic links


AbsolutePath = Annotated[Path, AfterValidator(absolute)]


class Section(BaseModel):
    """What all sections share: values do not change, and names that are not there are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True)
    old_names: ClassVar[Mapping[str, str]] = {}
    """What fields were called before: accepted, with a note in the log."""

    @model_validator(mode="before")
    @classmethod
    def _knows_old_names(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        for old in cls.old_names.keys() & given.keys():
            _log.warning("setting %r of %s is now called %r; the old name still works", old, cls.__name__, cls.old_names[old])
        return {cls.old_names.get(name, name): value for name, value in given.items()}
