"""The assets as a Dagster component: `type: video_assets.VideoDataset` in a defs.yaml, its attributes are our settings.

Belongs here: attributes to settings. Does not belong here: what is built of them (`definitions`).
"""

from typing import TYPE_CHECKING, Any, Self

import dagster as dg
from pydantic import BaseModel, ConfigDict, create_model

from video_assets.definitions import build_defs
from video_assets.settings.model import Settings

if TYPE_CHECKING:
    from video_assets.core.json_values import JsonObject

_FIELDS: dict[str, Any] = {name: (field.annotation, field) for name, field in Settings.model_fields.items()}
_Attributes = create_model("VideoDatasetAttributes", __config__=ConfigDict(extra="forbid"), **_FIELDS)


class VideoDataset(dg.Component):
    """Raw clips to a training CSV in which every clip decodes: the assets, checks, jobs, sensors and schedules of video_assets.

    Attributes are the settings of video_assets, by section; those that are left out come from the environment, then from
    video_assets.toml in the data root, then from the defaults.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        """All settings; Dagster checks the YAML by them and shows them."""
        return _Attributes

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> Self:
        """The component for the attributes of a defs.yaml."""
        given: JsonObject = attributes.model_dump(mode="json", exclude_unset=True) if attributes else {}
        return cls(Settings(**context.resolution_context.resolve_value(given, as_type=dict)))

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """All of `video_assets.build_defs`. The executor is the project's."""
        del context
        return build_defs(self.settings, executor=None)
