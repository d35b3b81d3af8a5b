"""What the wheel must hold before it is built: the script that pages are measured with, which npm builds."""

from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Measuring(BuildHookInterface[BuilderConfig]):
    """Refuses a wheel that could measure no page; an editable install takes what is there, whenever it is there."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """See the interface; ends the build with the cure."""
        del build_data
        built = Path(self.root, "tailgate_loadtest", "browser", "measure.js")
        if version != "editable" and not built.is_file():
            self.app.abort(
                f"{built}: without it the wheel could measure no page; build it first: `make setup` where npm is found,"
                " or `npm ci && npm run build` in loadtest/browser"
            )
