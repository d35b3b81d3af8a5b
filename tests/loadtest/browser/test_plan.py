import math
from pathlib import Path

import pytest
from tailgate_loadtest.browser.conditions import DEVICE_NAMES, DEVICES, NETWORK_NAMES, NETWORKS
from tailgate_loadtest.browser.plan import BrowserPlan, Lane
from tailgate_loadtest.errors import PlanError

HOST = "http://127.0.0.1:8000"


def test_a_lane_is_called_by_its_conditions_unless_it_has_a_name():
    assert Lane().name == "desktop"
    assert Lane(device="phone", network="4g", cpu=4).name == "phone 4g cpu/4"
    assert Lane(name="mornings").name == "mornings"


def test_a_visit_is_called_by_its_script(tmp_path: Path):
    script = tmp_path / "checkout.js"
    script.touch()
    assert (Lane().visit_name, Lane(visit=script).visit_name) == ("visit", "checkout")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"device": "watch"}, "device 'watch': there is none of that name; there are desktop, phone"),
        ({"network": "5g"}, "network '5g': there is none of that name; there are none, fast-4g, 4g, 3g"),
        ({"count": 0}, "lane 'desktop': 0 browsers; take from 1 to 16"),
        ({"cpu": 0.5, "name": "one"}, "lane 'one': cpu 0.5 is no factor from 1 to 20"),
        ({"cpu": math.nan, "name": "one"}, "lane 'one': cpu nan is no factor"),
        ({"every": -1.0}, "a visit every -1 s; take 0 s or more"),
        ({"every": math.inf}, "a visit every inf s"),
        ({"visits": 0}, "0 visits; take from 1 to 100000"),
        ({"name": "a\nb"}, "is no name"),
        ({"visit": Path("missing.js")}, "missing.js: there is no such visit script"),
    ],
)
def test_a_lane_that_cannot_be_is_refused_with_what_would_be_right(given: dict, said: str):
    with pytest.raises(PlanError) as refused:
        Lane(**given)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"host": "example.test"}, "'example.test' is no address of a page"),
        ({"host": "ftp://example.test"}, "is no address of a page"),
        ({"host": "http://example.test:99999"}, "is no address of a page"),
        ({"host": "https://ana:secret@example.test"}, "holds a user name or password"),
        ({"lanes": ()}, "0 lanes of browsers; take from 1 to 16"),
        ({"lanes": (Lane(count=9), Lane(count=9, name="more"))}, "18 browsers; one machine takes at most 16"),
        ({"lanes": (Lane(), Lane())}, "lane 'desktop' visits 'visit' twice"),
        ({"visit_within": math.nan}, "a visit within nan s"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_with_what_would_be_right(given: dict, said: str):
    with pytest.raises(PlanError) as refused:
        BrowserPlan(**{"host": HOST, "lanes": (Lane(),), **given})
    assert said in str(refused.value)


def test_a_refused_address_shows_no_password():
    with pytest.raises(PlanError) as refused:
        BrowserPlan(host="https://ana:secret@example.test", lanes=(Lane(),))
    assert "secret" not in str(refused.value)


def test_the_secret_is_not_shown():
    assert "hush" not in repr(BrowserPlan(host=HOST, lanes=(Lane(),), run_secret="hush"))


def test_every_name_has_its_conditions():
    assert (tuple(DEVICES), tuple(NETWORKS)) == (DEVICE_NAMES, NETWORK_NAMES)


def test_a_slower_network_is_slower_in_everything():
    fast, slow, slower = (NETWORKS[name] for name in ("fast-4g", "4g", "3g"))
    assert None not in (fast, slow, slower)
    assert fast.latency < slow.latency < slower.latency
    assert fast.download > slow.download > slower.download
    assert fast.upload > slow.upload > slower.upload
