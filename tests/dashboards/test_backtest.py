"""Alerts replayed over the past of a real Prometheus are those that its own rules would have given."""

from decimal import Decimal

import pytest
from tailgate_dashboards.backtest.study import backtest
from tailgate_dashboards.prometheus import Prometheus
from tailgate_slo import parse

from tests.dashboards.past import DURATION, END, FILE, HOUR, HOURS, MIDDLING, ROUTE, SLOW, holding
from tests.dashboards.servers import needs_prometheus

pytestmark = [needs_prometheus, pytest.mark.xdist_group("past")]

STEP = 120
"""Two scrapes."""


@pytest.fixture(scope="module")
def found(past_url):
    heard: list[str] = []
    result = backtest(
        parse(FILE.encode(), "shop.yaml"), Prometheus(past_url), begin=END - HOURS * HOUR, end=END, tell=heard.append
    )
    assert heard[0] == "orders (1 of 5)"
    return result


def of(found, name):
    return next(each for each in found.replayed if each.slo.name == name)


def pages(outcome):
    return [firing for firing in outcome.firings if firing.severity == "page"]


def test_each_incident_pages_once(found):
    outcome = of(found, "orders").outcome
    first, second = pages(outcome)
    # 14.4 % of an hour are bad after nearly nine minutes. Twenty bad minutes are not 6 % of six hours: the page ends
    # when five minutes are good again. Forty are more: it ends when half an hour is.
    for page, begin, end in ((first, MIDDLING, 20 * 60 + 300), (second, SLOW, 40 * 60 + 0.94 * 1_800)):
        assert begin + 500 <= page.start <= begin + 600 + STEP
        assert begin + end - STEP <= page.end <= begin + end + 2 * STEP
        assert (page.long, page.short, page.lasting) == (3_600, 300, False)
        assert page.worst == pytest.approx(100, rel=0.05)


def test_the_pages_are_those_of_the_rules_own_expressions(found, past_url):
    def ratio(window):
        return (
            f'(sum(rate({DURATION}_count{{{ROUTE}}}[{window}])) - sum(rate({DURATION}_bucket{{{ROUTE},le="0.3"}}'
            f"[{window}]))) / sum(rate({DURATION}_count{{{ROUTE}}}[{window}]))"
        )

    pairs = (("5m", "1h", 0.144), ("30m", "6h", 0.06))
    alert = " or ".join(f"(({ratio(short)} > {limit}) and ({ratio(long)} > {limit}))" for short, long, limit in pairs)
    for page in pages(of(found, "orders").outcome):
        (line,) = Prometheus(past_url).query_range(alert, page.start - 3_600, page.end + 3_600, 60)
        assert page.start == pytest.approx(line.times[0], abs=STEP + 60)
        assert page.end == pytest.approx(line.times[-1], abs=2 * STEP)


def test_events_and_their_bad_share_are_those_that_were_made(found):
    replayed = of(found, "orders")
    assert replayed.step == STEP
    assert replayed.outcome.events == pytest.approx(HOURS * HOUR, rel=0.005)
    assert replayed.outcome.bad == pytest.approx(60 * 60 / (HOURS * HOUR), rel=0.02)
    # The period is longer than what is known; its share of bad events is over the budget.
    assert replayed.outcome.spent == pytest.approx(replayed.outcome.bad / 0.01)


def test_other_thresholds_are_the_edges_that_exist(found):
    others = of(found, "orders").others
    assert list(others) == [Decimal(edge) for edge in ("0.1", "0.25", "0.5", "1.0")]
    assert [outcome.pages for outcome in others.values()] == [2, 1, 1, 1]
    assert others[Decimal("0.1")].tickets >= 1
    (page,) = pages(others[Decimal("0.5")])
    assert page.start == pages(of(found, "orders").outcome)[1].start


@pytest.mark.parametrize("name", ["availability", "queried"])
def test_failures_page_by_series_of_ours_and_by_a_query(found, name):
    (page,) = pages(of(found, name).outcome)
    assert SLOW + 300 <= page.start <= SLOW + 1_200
    assert not of(found, name).others


def test_what_cannot_be_replayed_is_left_out_with_its_reason(found):
    assert found.left_out.keys() == {"elsewhere", "between"}
    assert "has no sample in this time" in found.left_out["elsewhere"]
    assert "ends at 0.4; the nearest edges are 0.3 and 0.5" in found.left_out["between"]


def test_before_a_histogram_had_an_edge_nothing_is_known_at_it(found):
    newest = of(found, "orders").others[Decimal("0.25")]
    assert newest.events == pytest.approx(20 * HOUR, rel=0.01)
    assert pages(newest)[0].start == pages(of(found, "orders").outcome)[1].start


def test_where_there_was_no_event_nobody_says_that_all_was_well(past_url):
    file = parse(FILE.replace("http_server_request_duration_seconds_count", "nothing_total").encode(), "shop.yaml")
    client = Prometheus(past_url)
    found = backtest(file, client, begin=END - HOURS * HOUR, end=END, tell=lambda _: None)
    assert found.left_out["queried"] == "there was no event in this time"


def test_a_past_that_was_scraped_less_often_is_not_lost(version, tmp_path):
    """A day at 60 s, then six hours at 15 s: an outage of half an hour was in the first of them."""
    every, failed, lines = 0, 0, {"200": [], "503": []}
    faster, outage = END - 6 * HOUR, END - 20 * HOUR
    at = END - 30 * HOUR
    while at <= END:
        scrape = 15 if at >= faster else 60
        every += scrape
        failed += scrape if outage < at <= outage + 1_800 else 0
        if not END - 12 * HOUR < at <= END - 9 * HOUR:  # nobody scraped it
            for status, count in (("200", every - failed), ("503", failed)):
                lines[status].append(f'{DURATION}_count{{{ROUTE},http_response_status_code="{status}"}} {count} {at}')
        at += scrape
    text = "\n".join([f"# TYPE {DURATION} histogram", *lines["200"], *lines["503"], "# EOF", ""])
    file = parse(FILE.split("---\n")[1].encode(), "shop.yaml")
    with holding(tmp_path, version, text) as server:
        result = backtest(file, Prometheus(server.url), begin=END - 24 * HOUR, end=END, tell=lambda _: None)
    (found,) = result.replayed
    assert (found.scrape, found.step) == (60, 120)
    assert found.outcome.events == pytest.approx(21 * HOUR, rel=0.01)
    assert found.unknown == pytest.approx(3 / 24, abs=0.005)
    (page,) = pages(found.outcome)
    assert outage < page.start < outage + 600


SEEN_EVERY = 300
SLOW_PAGE = END - 30 * HOUR
PAGES = """\
apiVersion: openslo/v1
kind: SLO
metadata: {name: inbox}
spec:
  service: shop
  indicator:
    spec:
      thresholdMetric:
        metricSource: {type: tailgate, spec: {measure: vital, vital: lcp, route: /inbox, threshold: 2.5s}}
  objectives: [{target: 0.75}]
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: agent}
spec:
  service: shop
  indicator:
    spec:
      thresholdMetric:
        metricSource: {type: tailgate, spec: {measure: vital, vital: lcp, route: /agent, threshold: 2.5s}}
  objectives: [{target: 0.75}]
"""


def views():
    """Five days: of /inbox twenty views in five minutes, of /agent three a day; within 2 s or in more than 4."""
    edges = ("1.25", "1.5", "1.9", "2.0", "2.5", "3.8", "4.0", "5.0", "+Inf")
    name = "tailgate_web_vital_lcp_seconds"
    counts = dict.fromkeys(("/inbox", "/agent"), (0, 0))
    columns: dict[str, list[str]] = {}
    for number, at in enumerate(range(END - 120 * HOUR, END + 1, SEEN_EVERY)):
        grown = {"/inbox": (20, 12 if at > SLOW_PAGE else 2), "/agent": (1, 1) if number % 96 == 48 else (0, 0)}
        for page, (every, slow) in grown.items():
            counts[page] = (counts[page][0] + every, counts[page][1] + slow)
            for edge in edges:
                within = {"1.25": 0, "1.5": 0, "1.9": 0, "5.0": counts[page][0], "+Inf": counts[page][0]}
                value = within.get(edge, counts[page][0] - counts[page][1])
                columns.setdefault(f'{name}_bucket{{page="{page}",le="{edge}"}}', []).append(f"{value} {at}")
            columns.setdefault(f'{name}_count{{page="{page}"}}', []).append(f"{counts[page][0]} {at}")
    samples = [f"{key} {value}" for key, values in columns.items() for value in values]
    return "\n".join([f"# TYPE {name} histogram", *samples, "# EOF", ""])


@pytest.fixture(scope="module")
def seen(version, tmp_path_factory):
    """What became of objectives on pages, as they are, and where five views are enough."""
    wanted = PAGES.replace("{name: agent}", "{name: agent, annotations: {tailgate/minimum-events: 5}}")
    with holding(tmp_path_factory.mktemp("views"), version, views()) as server:
        return [
            backtest(
                parse(file.encode(), "shop.yaml"),
                Prometheus(server.url),
                begin=END - HOURS * HOUR,
                end=END,
                tell=lambda _: None,
            )
            for file in (PAGES, wanted)
        ]


def test_a_slow_page_is_one_ticket_and_pages_nobody(seen):
    inbox = of(seen[0], "inbox")
    assert (inbox.step, inbox.scrape, inbox.gravest) == (2 * SEEN_EVERY, SEEN_EVERY, "ticket")
    assert inbox.outcome.events == pytest.approx(HOURS * HOUR / SEEN_EVERY * 20, rel=0.01)
    (ticket,) = inbox.outcome.firings
    # A tenth of the views was slow before, three fifths since: a quarter of three days' after 21.6 hours.
    assert ticket.start == pytest.approx(SLOW_PAGE + 21.6 * HOUR, abs=HOUR / 2)
    assert (ticket.severity, ticket.long, ticket.short, ticket.lasting) == ("ticket", 3 * 86_400, 21_600, True)
    assert of(seen[0], "agent").gravest == "ticket"


def test_of_the_many_edges_of_a_vital_those_next_to_parts_and_multiples_of_the_threshold_are_tried(seen):
    others = of(seen[0], "inbox").others
    assert list(others) == [Decimal(edge) for edge in ("1.25", "1.9", "3.8", "5.0")]
    assert [outcome.tickets for outcome in others.values()] == [1, 1, 1, 0]
    assert {outcome.pages for outcome in others.values()} == {0}


def test_a_page_that_three_people_see_a_day_is_a_ticket_only_where_so_few_are_asked_for(seen):
    silent, heard = (of(found, "agent").outcome for found in seen)
    assert silent.events == heard.events == pytest.approx(6, abs=0.1)
    assert silent.bad == pytest.approx(1)
    assert silent.firings == ()
    assert heard.tickets >= 1
    assert heard.pages == 0
