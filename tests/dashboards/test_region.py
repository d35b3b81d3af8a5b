"""A load test's region in a Grafana: what it says, while the load is on and when it is over."""

from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate_dashboards.errors import GrafanaError
from tailgate_dashboards.grafana.connection import Grafana
from tailgate_dashboards.grafana.region import Region, Told
from tailgate_otel import names

from tests.dashboards.grafana_standin import EDITOR, VIEWER, grafana_standin

BEGUN = Told(profile="smoke", host="http://shop.test", start=1000.0, end=1060.0)
ENDED = Told(
    profile="smoke",
    host="http://shop.test",
    start=1002.5,
    end=1040.25,
    run="2026-01-01T00-00-00-abc",
    verdict="fail",
    reasons=("orders is missed",),
    labels={"job": "https://ci.test/1?a=b&c", "branch": "<main>"},
    report="/runs/x/report.html",
)


class Links(HTMLParser):
    """The elements of a text, and where its links lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.links: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]


def test_it_is_there_while_the_load_is_on_and_says_in_the_end_what_came_of_it() -> None:
    with grafana_standin() as standin:
        region = Region(Grafana(f"{standin.url}/", EDITOR))
        region.begin(BEGUN)
        (annotation,) = standin.annotations.values()
        assert (annotation["time"], annotation["timeEnd"]) == (1_000_000, 1_060_000)
        assert annotation["tags"] == [names.GRAFANA_RUN_TAG, "profile:smoke"]
        assert "under way" in annotation["text"]
        region.conclude(ENDED)
        (annotation,) = standin.annotations.values()
        assert (annotation["time"], annotation["timeEnd"]) == (1_002_500, 1_040_250)
        assert annotation["tags"] == [names.GRAFANA_RUN_TAG, "profile:smoke", "verdict:fail"]
        for said in ("<b>fail</b>", "orders is missed", "/runs/x/report.html", "branch: &lt;main&gt;"):
            assert said in annotation["text"]
        job, board = Links(annotation["text"]).links
        assert job == "https://ci.test/1?a=b&c"
        parts = urlsplit(board)
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{standin.url}/d/{names.GRAFANA_LOAD_TEST_BOARD}"
        assert parse_qs(parts.query) == {
            "from": ["1002500"],
            "to": ["1040250"],
            "var-run": ["2026-01-01T00-00-00-abc"],
        }


def test_of_many_reasons_only_the_first_few_are_said() -> None:
    text = replace(ENDED, reasons=tuple(f"reason {i}" for i in range(9))).text("http://grafana.test/d/board")
    assert "reason 4<br>and 4 more<br>" in text
    assert "reason 5" not in text


def test_of_a_load_that_never_was_nothing_is_left() -> None:
    with grafana_standin() as standin:
        region = Region(Grafana(standin.url, EDITOR))
        region.begin(BEGUN)
        region.withdraw()
        region.withdraw()
        assert standin.annotations == {}
        assert standin.written == ["POST /api/annotations", "DELETE /api/annotations/1"]


def test_who_may_not_write_is_told_which_role_may() -> None:
    with grafana_standin() as standin, pytest.raises(GrafanaError, match="may not write an annotation"):
        Region(Grafana(standin.url, VIEWER)).begin(BEGUN)


PIECES = st.sampled_from(["<img src=x>", "</a>", "<a href='javascript:x'>", "javascript:x", "http://", '"', "&", "'"])
TEXTS = st.lists(PIECES | st.text(max_size=5), max_size=9).map("".join) | st.text(max_size=3000)


@given(profile=TEXTS, reasons=st.lists(TEXTS, max_size=5), labels=st.dictionaries(TEXTS, TEXTS, max_size=3))
def test_nothing_that_a_run_is_called_becomes_html_or_outgrows_a_database(
    profile: str, reasons: list[str], labels: dict[str, str]
) -> None:
    told = Told(
        profile=profile, host="http://h", start=0.0, end=1.0, verdict="pass", reasons=tuple(reasons), labels=labels
    )
    text = told.text("http://grafana.test/d/board")
    found = Links(text)
    assert set(found.elements) <= {"b", "br", "a"}
    assert all(urlsplit(link).scheme in ("http", "https") for link in found.links)
    assert found.links[-1] == "http://grafana.test/d/board?from=0&to=1000"
    assert len(text) < 5000
    assert all(len(tag) <= 100 for tag in told.tags)
