"""What the wheel must hold before it is built: the pages, which the service shows and Python does not build."""

from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PAGES = ("inbox.html", "dashboard.html", "agent.html")


class Pages(BuildHookInterface[BuilderConfig]):
    """Refuses a wheel without the built pages; an editable install takes what is there, whenever it is there."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """See the interface; ends the build with the cure."""
        del build_data
        if version == "editable":
            return
        built = Path(self.root, "tailgate_service", "pages", "built")
        missing = [page for page in PAGES if not (built / page).is_file()]
        if missing:
            self.app.abort(
                f"{built}: without {', '.join(missing)} the wheel would serve no pages; build them first: "
                "`make setup` where npm is found, or `npm ci && npm run build` in service/pages"
            )
