"""Beacons: what they are counted as, what is refused, and that nobody can make more of them than there is."""

import gc
import json
import re
import sys
from decimal import Decimal
from itertools import count, pairwise
from math import ceil, inf
from pathlib import Path
from random import Random
from typing import Any

import httpx
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus
from tailgate_otel import BeaconRefused, Config, ConfigError, Recorder, Vitals, VitalsConfig, names
from tailgate_otel.beacon import DEVICES, MAX_BODY, NAVIGATIONS, RATINGS, VITALS, schema
from tailgate_otel.vitals import BOUNDS, MAX_CLIENTS, MAX_PAGES, MAX_TIMINGS, REASONS, edges_of
from tailgate_slo.vitals import VITAL_BOUNDS

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {"/inbox": ("list_shown",), "/dashboard": ("panels_complete", "first_panel"), "/help": ()}
METRICS = {
    "lcp": names.WEB_VITAL_LCP,
    "inp": names.WEB_VITAL_INP,
    "cls": names.WEB_VITAL_CLS,
    "fcp": names.WEB_VITAL_FCP,
    "ttfb": names.WEB_VITAL_TTFB,
}
VIEW = {
    "page": "/inbox",
    "device": "phone",
    "navigation": "navigate",
    "values": {"lcp": 1.2, "inp": 0.3, "cls": 0.01, "fcp": 0.9, "ttfb": 1.9},
    "ratings": {"lcp": "good", "inp": "needs-improvement"},
    "timings": {"list_shown": 0.8},
    "missing": [],
}
ANYBODY = "192.0.2.7"


class Clock:
    """Stands still until it is put on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def config(**changes: Any) -> VitalsConfig:
    return VitalsConfig(pages=tuple(PAGES), timings={page: marks for page, marks in PAGES.items() if marks}, **changes)


@pytest.fixture
def vitals(clock) -> Vitals:
    """So many as there may be: rates are tried by themselves."""
    return Vitals(config(rate=1e9, client_rate=1e9), clock)


def body(**changes: Any) -> bytes:
    return json.dumps({name: value for name, value in (VIEW | changes).items() if value is not None}).encode()


def told(vitals: Vitals, **changes: Any) -> None:
    vitals.record(vitals.take(body(**changes), ANYBODY))


def samples(vitals: Vitals) -> dict[tuple[str, ...], float]:
    """Name and label values, in the order of the labels' names -> value; what is 0 left out."""
    page = "".join(vitals.text(openmetrics=True)) + "# EOF\n"
    found = {
        (sample.name, *(sample.labels[label] for label in sorted(sample.labels))): sample.value
        for family in openmetrics(page)
        for sample in family.samples
    }
    return {key: value for key, value in found.items() if value}


def buckets(vitals: Vitals, metric: str, **labels: str) -> list[tuple[float, float]]:
    """The edges of one series, and how many values are not above each."""
    page = "".join(vitals.text(openmetrics=False))
    return [
        (float(sample.labels["le"]), sample.value)
        for family in prometheus(page)
        for sample in family.samples
        if sample.name == f"{metric}_bucket" and labels.items() <= sample.labels.items()
    ]


def read_off(found: list[tuple[float, float]], quantile: float) -> float:
    """As Prometheus does: https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile."""
    rank = quantile * found[-1][1]
    at = next(index for index, (_, counted) in enumerate(found) if counted >= rank)
    edge, counted = found[at]
    if edge == inf:
        return found[-2][0]
    start, before = found[at - 1] if at else (0.0, 0.0)
    if not at and edge <= 0:
        return edge
    return start + (edge - start) * (rank - before) / (counted - before)


def exact(values: list[float], quantile: float) -> float:
    return sorted(values)[ceil(quantile * len(values)) - 1]


def measured(vital: str, values: list[float]) -> float:
    """The 75th percentile of these, read from the histogram."""
    vitals = Vitals(VitalsConfig(pages=("/inbox",), rate=1e9, client_rate=1e9), Clock())
    for value in values:
        told(vitals, values={vital: value}, ratings=None, timings=None)
    return read_off(buckets(vitals, METRICS[vital], page="/inbox", device="phone"), 0.75)


@pytest.mark.row("A1")
def test_a_view_counts_on_its_page_and_device(vitals):
    told(vitals)
    told(vitals, device="desktop", navigation="reload")
    found = samples(vitals)
    for vital, metric in METRICS.items():
        for device in DEVICES:
            assert found[f"{metric}_sum", device, "/inbox"] == VIEW["values"][vital]
            assert found[f"{metric}_count", device, "/inbox"] == 1
    assert found[f"{names.PAGE_TIMING}_sum", "phone", "/inbox", "list_shown"] == 0.8
    views = {key[1:]: value for key, value in found.items() if key[0] == f"{names.PAGE_VIEWS}_total"}
    assert views == {("phone", "navigate", "/inbox"): 1, ("desktop", "reload", "/inbox"): 1}
    assert not any(key[0] == f"{names.WEB_VITAL_MISSING}_total" for key in found)


@pytest.mark.row("A1")
@pytest.mark.parametrize("vital", [vital for vital in VITALS if vital != "cls"])
@given(data=st.data())
def test_p75_is_within_a_twentieth_of_the_true_one_around_what_is_good_and_poor_whatever_the_values(vital, data):
    good, poor = BOUNDS[vital]
    values = data.draw(st.lists(st.floats(good / 2 * 1.001, 1.25 * poor), min_size=1, max_size=40))
    assert measured(vital, values) == pytest.approx(exact(values, 0.75), rel=0.05 + 1e-5)


@pytest.mark.row("A1")
@given(values=st.lists(st.floats(0, 0.35), min_size=1, max_size=40))
def test_p75_of_a_score_is_within_a_hundredth_of_the_true_one(values):
    assert measured("cls", values) == pytest.approx(exact(values, 0.75), abs=0.01 + 1e-6)


@pytest.mark.row("A1")
@pytest.mark.parametrize("vital", [vital for vital in VITALS if vital != "cls"])
@pytest.mark.parametrize("share", [0.15, 0.3, 0.6, 1.0, 1.2])
def test_p75_of_visits_like_real_ones_is_within_a_twentieth_of_the_true_one_from_a_tenth_of_good_on(vital, share):
    random = Random(f"{vital} {share}")
    typical = share * BOUNDS[vital][0]
    values = [typical * random.lognormvariate(0, 0.5) for _ in range(2_000)]
    assert measured(vital, values) == pytest.approx(exact(values, 0.75), rel=0.05)


@pytest.mark.parametrize("vital", VITALS)
def test_edges_are_a_tenth_apart_at_most_around_the_bounds_which_are_edges_themselves(vital):
    edges, (good, poor) = sorted(set(edges_of(vital))), BOUNDS[vital]
    assert {good, poor} <= set(edges)
    near = [edge for edge in edges if good / 2 <= edge <= 1.25 * poor]
    assert all(above / below <= 1.1 + 1e-9 for below, above in pairwise(near))
    assert edges[-1] > 10 * poor
    assert len(edges) < 80


def test_the_bounds_are_those_that_objectives_are_judged_by():
    assert {vital: tuple(map(Decimal, map(str, bounds))) for vital, bounds in BOUNDS.items()} == {
        vital: (bounds.good, bounds.poor) for vital, bounds in VITAL_BOUNDS.items()
    }


def test_the_thresholds_of_objectives_are_edges(clock):
    vitals = Vitals(config(edges={"lcp": (2.2,), "panels_complete": (2.05,)}), clock)
    lcp = buckets(vitals, names.WEB_VITAL_LCP, page="/inbox", device="phone")
    panels = buckets(vitals, names.PAGE_TIMING, page="/dashboard", device="phone", timing="panels_complete")
    assert 2.2 in dict(lcp)
    assert 2.05 in dict(panels)
    assert 2.05 not in dict(lcp)


@pytest.mark.parametrize("vital", VITALS)
def test_a_value_is_rated_by_the_service_just_as_its_buckets_are_cut(vitals, vital):
    """Up to its bound, which is an edge, it is good; what the page says of it does not matter."""
    good, poor = BOUNDS[vital]
    for value in (good, good + 1e-7, good + 1e-5, poor, poor + 1e-7, poor + 1e-5):
        told(vitals, values={vital: value}, ratings={vital: "poor"})
    found = samples(vitals)
    rated = [found[f"{names.WEB_VITAL_RATINGS}_total", vital, rating] for rating in RATINGS]
    assert rated == [2, 3, 1]
    below = dict(buckets(vitals, METRICS[vital], page="/inbox", device="phone"))
    assert (below[good], below[poor], below[inf]) == (2, 5, 6)


def test_what_a_view_does_not_tell_is_missing_whatever_it_says(vitals):
    values = {"lcp": 1.0, "ttfb": 0.1}
    told(vitals, page="/dashboard", values=values, ratings=None, timings={"first_panel": 1.0}, missing=["inp", "lcp"])
    told(vitals, page="/dashboard", values=values, ratings=None, timings=None, missing=None)
    found = samples(vitals)
    missing = {key[1:]: value for key, value in found.items() if key[0] == f"{names.WEB_VITAL_MISSING}_total"}
    assert missing == {
        ("phone", "inp", "/dashboard"): 2,
        ("phone", "cls", "/dashboard"): 2,
        ("phone", "fcp", "/dashboard"): 2,
        ("phone", "first_panel", "/dashboard"): 1,
        ("phone", "panels_complete", "/dashboard"): 2,
    }


def test_a_page_out_of_the_browsers_cache_misses_no_moment(vitals):
    told(vitals, navigation="back-forward-cache", values={"lcp": 0.1}, ratings=None, timings=None)
    missing = {key[2] for key in samples(vitals) if key[0] == f"{names.WEB_VITAL_MISSING}_total"}
    assert missing == {"inp", "cls", "fcp", "ttfb"}


def test_a_view_of_which_nothing_was_measured_is_a_view(vitals):
    told(vitals, values={}, ratings=None, timings=None)
    assert samples(vitals)[f"{names.PAGE_VIEWS}_total", "phone", "navigate", "/inbox"] == 1


def test_what_a_load_test_tells_is_looked_at_and_not_counted(vitals):
    before = samples(vitals)
    vitals.record(vitals.take(body(), ANYBODY, f"tailgate/1 ({names.SYNTHETIC_AGENT.upper()})"))
    assert samples(vitals) == before
    with pytest.raises(BeaconRefused):
        vitals.take(b"{}", ANYBODY, names.SYNTHETIC_AGENT)


TAKEN = {
    "whole": body(),
    "the least": body(values={}, ratings=None, timings=None, missing=None),
    "whole numbers": body(values={"lcp": 1, "cls": 0}),
    "at the bounds": body(values={"lcp": 600, "cls": 100.0}),
    "all missing": body(values={}, ratings=None, timings=None, missing=[*VITALS, "list_shown"]),
    **{f"navigation {each}": body(navigation=each) for each in NAVIGATIONS},
    "rated and not measured": body(values={}, ratings={"cls": "poor"}),
}
REFUSED = {
    "nothing": (b"", "form"),
    "no text": (b"\xff\xfe", "form"),
    "broken off": (body()[:-1], "form"),
    "two of them": (body() * 2, "form"),
    "too deep": (b"[" * MAX_BODY, "form"),
    "a list": (b"[]", "form"),
    "a number too long to be one": (b"9" * MAX_BODY, "form"),
    "without a page": (body(page=None), "form"),
    "with more": (body(user="me"), "form"),
    "another page": (body(page="/elsewhere"), "page"),
    "a page that is a list": (body(page=["/inbox"]), "page"),
    "another device": (body(device="toaster"), "form"),
    "a device that is an object": (body(device={}), "form"),
    "another navigation": (body(navigation="teleport"), "form"),
    "values that are a list": (body(values=[]), "form"),
    "another vital": (body(values={"fid": 0.1}), "form"),
    "a text as value": (body(values={"lcp": "1"}), "value"),
    "a truth as value": (body(values={"lcp": True}), "value"),
    "no value": (body(values={"lcp": None}), "value"),
    "less than nothing": (body(values={"lcp": -0.001}), "value"),
    "longer than anybody waits": (body(values={"lcp": 600.001}), "value"),
    "a shift of more than there is": (body(values={"cls": 100.5}), "value"),
    "no number": (body(values={"lcp": float("nan")}), "form"),
    "without end": (body(values={"lcp": 1.5}).replace(b"1.5", b"1e999"), "value"),
    "of a thousand digits": (body(values={"lcp": 10**1000}), "value"),
    "another rating": (body(ratings={"lcp": "great"}), "form"),
    "a rating of no vital": (body(ratings={"list_shown": "good"}), "form"),
    "a timing of another page": (body(timings={"panels_complete": 1.0}), "timing"),
    "a timing of no number": (body(timings={"list_shown": "soon"}), "value"),
    "timings that are a text": (body(timings="list_shown"), "form"),
    "a timing missing on another page": (body(missing=["panels_complete"]), "form"),
    "missing twice": (body(missing=["inp", "inp"]), "form"),
    "missing lists": (body(missing=[["inp"]]), "form"),
    "missing as a text": (body(missing="inp"), "form"),
    "too large": (body() + b" " * MAX_BODY, "size"),
}


@pytest.mark.parametrize("sent", TAKEN.values(), ids=TAKEN)
def test_what_may_be_said_is_taken_as_its_schema_says(vitals, sent):
    Draft202012Validator(schema(PAGES)).validate(json.loads(sent))
    vitals.record(vitals.take(sent, ANYBODY))
    assert samples(vitals)


@pytest.mark.parametrize(("sent", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_may_not_be_said_is_refused_with_a_word_and_counted(vitals, sent, reason):
    with pytest.raises(BeaconRefused) as caught:
        vitals.take(sent, ANYBODY)
    assert caught.value.reason == reason in REASONS
    assert caught.value.status == (413 if reason == "size" else 422)
    assert samples(vitals) == {(f"{names.BEACONS_REFUSED}_total", reason): 1}


def test_the_schema_refuses_what_is_refused():
    """But for what no schema can say: the size, and JSON itself."""
    validator = Draft202012Validator(schema(PAGES))
    for name, (sent, reason) in REFUSED.items():
        try:
            value = json.loads(sent, parse_constant=lambda _: "no number")
        except (ValueError, RecursionError):
            assert reason == "form", name
            continue
        assert reason == "size" or not validator.is_valid(value), name


@pytest.mark.parametrize("sent", [sent for sent, _ in REFUSED.values()], ids=REFUSED)
def test_nothing_of_what_was_sent_is_repeated(vitals, sent):
    with pytest.raises(BeaconRefused) as caught:
        vitals.take(sent, ANYBODY)
    assert not any(word in str(caught.value) for word in ("elsewhere", "toaster", "teleport", "fid", "great", "soon"))


def test_one_client_that_sends_too_many_leaves_room_for_the_others(clock):
    vitals = Vitals(config(rate=100.0, client_rate=3.0), clock)
    for _ in range(3):
        vitals.take(body(), ANYBODY)
    for _ in range(1_000):
        with pytest.raises(BeaconRefused) as caught:
            vitals.take(body(), ANYBODY)
    assert (caught.value.reason, caught.value.status) == ("rate", 429)
    vitals.take(body(), "192.0.2.8")
    clock.now += 1.0
    vitals.take(body(), ANYBODY)


def test_all_clients_together_may_send_so_many(clock):
    vitals = Vitals(config(rate=5.0, client_rate=3.0), clock)
    refused = 0
    for number in range(100):
        try:
            vitals.take(body(), f"192.0.2.{number}")
        except BeaconRefused:
            refused += 1
    assert refused == 95
    assert samples(vitals) == {(f"{names.BEACONS_REFUSED}_total", "rate"): 95}


def test_what_is_not_there_in_time_is_refused_and_leaves_its_place_to_others(clock):
    vitals = Vitals(config(client_rate=1.0), clock)
    for _ in range(3):
        with pytest.raises(BeaconRefused) as caught:
            vitals.take(None, ANYBODY)
        assert (caught.value.reason, caught.value.status) == ("late", 408)
    assert samples(vitals) == {(f"{names.BEACONS_REFUSED}_total", "late"): 3}
    vitals.take(body(), ANYBODY)


def test_who_is_refused_for_too_many_is_not_even_read(clock):
    vitals = Vitals(config(client_rate=1.0), clock)
    vitals.take(body(), ANYBODY)
    with pytest.raises(BeaconRefused) as caught:
        vitals.take(b"\xff", ANYBODY)
    assert caught.value.reason == "rate"


@pytest.mark.parametrize(
    ("first", "second", "one"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::2", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.7", "192.0.2.7", True),
        ("::ffff:192.0.2.7", "::ffff:192.0.2.8", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("", "", True),
        ("not:an:address", "not:another", False),
        ("x" * 100_000, "x" * 100_001, True),
    ],
)
def test_a_client_is_an_address_or_as_many_as_one_has(clock, first, second, one):
    vitals = Vitals(config(client_rate=1.0), clock)
    vitals.take(body(), first)
    if one:
        with pytest.raises(BeaconRefused):
            vitals.take(body(), second)
    else:
        vitals.take(body(), second)


def test_so_many_clients_are_remembered_those_that_came_last(clock):
    vitals = Vitals(config(rate=1e9, client_rate=1.0), clock)
    clients = [f"10.0.{number >> 8}.{number & 255}" for number in range(MAX_CLIENTS + 1)]
    for client in clients:
        vitals.take(body(), client)
    with pytest.raises(BeaconRefused):
        vitals.take(body(), clients[1])
    vitals.take(body(), clients[0])


def hostile(random: Random) -> tuple[bytes, str, str]:
    """A beacon of somebody who means no good, where it comes from, and what it says that it is."""
    word = "".join(random.choices('abcdefghij{}"\\\n\u00e9\U0001f600', k=random.randrange(1, 40)))
    odd: Any = random.choice(
        [word, -1, 1e308, 10**300, True, None, [word] * 9, {word: word}, {}, [], random.random(), random.random() * 700]
    )
    kind = random.choices(range(8), (9, 9, 9, 9, 9, 1, 9, 9))[0]  # what is too deep takes a thousand times as long
    if kind == 0:
        sent = random.randbytes(random.randrange(200))
    elif kind == 1:
        sent = body(**{random.choice([*VIEW, word]): odd})
    elif kind == 2:
        sent = body(values={random.choice([*VITALS, word]): odd})
    elif kind == 3:
        sent = body(page=f"/{word}", timings={word: 1.0})
    elif kind == 4:
        sent = body(timings={random.choice(["list_shown", "panels_complete", word]): odd})
    elif kind == 5:
        sent = b"[" * random.randrange(2 * MAX_BODY)
    elif kind == 6:
        sent = body(missing=[random.choice([*VITALS, word]) for _ in range(random.randrange(9))])
    else:
        sent = body(
            page=random.choice(list(PAGES)),
            device=random.choice(DEVICES),
            navigation=random.choice(NAVIGATIONS),
            values={vital: random.random() * 100 for vital in random.sample(VITALS, 3)},
            ratings=None,
            timings=None,
        )
    numbers = [str(random.randrange(256)) for _ in range(4)]
    client = random.choice([".".join(numbers), f"2001:db8:{random.randrange(65536):x}::1", word, ANYBODY])
    return sent, client, word


@pytest.mark.row("A1")
@pytest.mark.parametrize("rates", [{}, {"rate": 1e9, "client_rate": 1e9}], ids=["at the rates", "all of them read"])
def test_a_hundred_thousand_hostile_beacons_leave_series_and_memory_where_they_were(rates):
    ticks = count()
    vitals = Vitals(config(**rates), lambda: next(ticks) / 1_000)
    random = Random(8)
    # What is sent is made beforehand: each is sent many times, from ever other places.
    beacons = [hostile(random) for _ in range(2_000)]
    series = "".join(vitals.text(openmetrics=False)).count("\n")
    taken = 0

    def send(times: int) -> None:
        nonlocal taken
        for number in range(times):
            sent, client, agent = beacons[number % len(beacons)]
            try:
                vitals.record(vitals.take(sent, f"{client}{number}" if number % 3 else client, agent))
                taken += 1
            except BeaconRefused:
                pass

    send(10_000)  # as many clients are remembered as ever will be
    gc.collect()
    blocks, resident = sys.getallocatedblocks(), psutil.Process().memory_info().rss
    send(100_000)
    gc.collect()
    assert sys.getallocatedblocks() - blocks < 2_000
    assert psutil.Process().memory_info().rss - resident < 4 << 20
    assert "".join(vitals.text(openmetrics=False)).count("\n") == series
    assert taken > 1_000
    assert len(vitals._clients) <= MAX_CLIENTS


def test_every_series_is_there_from_the_start(vitals):
    """Or else the first view of a page would be no increase."""
    page = "".join(vitals.text(openmetrics=True)) + "# EOF\n"
    before = {(sample.name, *sample.labels.items()) for family in openmetrics(page) for sample in family.samples}
    for path, marks in PAGES.items():
        for device in DEVICES:
            told(vitals, page=path, device=device, timings=dict.fromkeys(marks, 1.0), ratings=None)
            told(vitals, page=path, device=device, values={}, timings=None, ratings=None, missing=list(marks))
    page = "".join(vitals.text(openmetrics=True)) + "# EOF\n"
    after = {(sample.name, *sample.labels.items()) for family in openmetrics(page) for sample in family.samples}
    assert after == before


def test_the_recorders_page_shows_them(vitals):
    recorder = Recorder(Config(service_name="shop", metrics_port=0))
    recorder.show(vitals)
    told(vitals)
    assert f'{names.WEB_VITAL_LCP}_count{{page="/inbox",device="phone"}} 1' in "".join(recorder.text(False))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pages": ()}, "the number of pages, 0, must be 1 to 100"),
        ({"pages": ("/a",) * (MAX_PAGES + 1)}, "the number of pages, 101, must be 1 to 100"),
        ({"pages": ("inbox",)}, "pages holds 'inbox', which must begin with a slash"),
        ({"timings": {"/b": ("x",)}}, r"timings\['/b'\] must be of one of the pages"),
        ({"timings": {"/a": ("x",) * (MAX_TIMINGS + 1)}}, r"the number of timings\['/a'\], 11, must be 10 at most"),
        ({"timings": {"/a": ("Shown",)}}, "holds 'Shown', which must be at most 40 of a-z, 0-9 and _"),
        ({"timings": {"/a": ("lcp",)}}, "holds 'lcp', which must be no vital's name"),
        ({"edges": {"fid": (1.0,)}}, r"edges\['fid'\] must be of a vital, or of a timing of some page"),
        ({"edges": {"lcp": (inf,)}}, r"edges\['lcp'\] holds inf, which must be finite and above 0"),
        ({"rate": 0.0}, "rate=0.0 must be a number of beacons per second above 0"),
        ({"client_rate": inf}, "client_rate=inf must be a number of beacons per second above 0"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused_by_name(changes, message):
    with pytest.raises(ConfigError, match=message):
        VitalsConfig(**({"pages": ("/a",)} | changes))


def test_as_many_pages_and_timings_as_there_may_be_have_all_their_series(clock):
    pages = tuple(f"/{number}" for number in range(MAX_PAGES))
    marks = tuple(f"mark_{number}" for number in range(MAX_TIMINGS))
    vitals = Vitals(VitalsConfig(pages=pages, timings=dict.fromkeys(pages, marks)), clock)
    assert "(other)" not in "".join(vitals.text(openmetrics=False))


async def test_the_application_that_the_documentation_shows_takes_them():
    text = (DOCS / "vitals.md").read_text(encoding="utf-8")
    shop: dict[str, Any] = {}
    exec(re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)[0], shop)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(shop["app"]), base_url="http://shop") as client:
        view = {"page": "/", "device": "phone", "navigation": "reload", "values": {"lcp": 2.0}}
        assert (await client.post("/api/vitals", json=view)).status_code == 204
        assert (await client.post("/api/vitals", json=view | {"page": "/orders/17"})).status_code == 422
    found = samples(shop["vitals"])
    assert found[f"{names.WEB_VITAL_LCP}_bucket", "phone", "2.0", "/"] == 1
    assert found[f"{names.BEACONS_REFUSED}_total", "page"] == 1


def test_the_documentation_names_every_metric_with_its_labels(vitals):
    exported = {}
    for family in openmetrics("".join(vitals.text(openmetrics=True)) + "# EOF\n"):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels} - {names.LABEL_LE}
        exported[name] = (family.type, labels)
    page = (DOCS / "metrics.md").read_text(encoding="utf-8")
    part = page.split("## What pages tell of visits\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| ([^|]*)\|", part, re.MULTILINE)
    assert {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows} == exported
    [refused] = [line for line in part.splitlines() if names.BEACONS_REFUSED in line]
    assert all(f"`{reason}`" in refused for reason in REASONS)
