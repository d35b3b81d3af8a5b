"""Feeds: no row to two users, however many processes; running out is an error by name."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from tailgate_loadtest.errors import EngineError
from tailgate_loadtest.shapes.dealing import Dealer, Files
from tailgate_loadtest.shapes.orders import Crew

from tests.loadtest.conftest import carry_out, plan_of, steady

CUSTOMER = """
    from locust import FastHttpUser, task
    from tailgate_loadtest.engine.feeding import feed

    numbers = feed("numbers.csv", mode="{mode}")

    class Customer(FastHttpUser):
        @task
        def order(self):
            self.client.get("/order/" + numbers.next()["n"], name="/order")
"""


def numbers(directory: Path, count: int) -> None:
    (directory / "numbers.csv").write_text("n,unused\n" + "".join(f"x{n},-\n" for n in range(count)))


def crew(processes: int) -> Crew:
    return Crew(processes=processes, expect=processes, host="127.0.0.1", port=0, patience=60)


@pytest.mark.parametrize("processes", [1, 2])
def test_no_row_goes_to_two_users(api, tmp_path, processes):
    numbers(tmp_path, 400)
    more = {"crew": crew(processes)} if processes > 1 else {}
    document = carry_out(plan_of(tmp_path, api.url, CUSTOMER.format(mode="unique"), steady(60, 2), **more)).read_run()
    assert document.arrivals.completed == 120
    assert document.exceptions == {}
    assert len(api.requests) == 120
    assert set(api.requests.values()) == {1}
    if processes == 1:
        assert set(api.requests) == {f"GET /order/x{n}" for n in range(120)}


@pytest.mark.parametrize("processes", [1, 2])
def test_running_out_is_an_error_by_name_and_lets_nothing_pass(api, tmp_path, processes):
    numbers(tmp_path, 50)
    more = {"crew": crew(processes)} if processes > 1 else {}
    document = carry_out(plan_of(tmp_path, api.url, CUSTOMER.format(mode="unique"), steady(80, 1), **more)).read_run()
    assert document.exceptions == {"FeedExhausted: numbers.csv": 30}
    assert len(api.requests) == 50
    assert set(api.requests.values()) == {1}


def test_rows_are_dealt_again_where_that_is_asked_for(api, tmp_path):
    numbers(tmp_path, 7)
    plan = plan_of(tmp_path, api.url, CUSTOMER.format(mode="cycle"), steady(70, 1), crew=crew(2))
    document = carry_out(plan).read_run()
    assert document.exceptions == {}
    assert sum(api.requests.values()) == 70
    # In turn, but for the rows that are held in store when the load ends.
    assert all(count >= 5 for count in Counter(api.requests).values())
    assert len(api.requests) == 7


@pytest.mark.parametrize("more", [{}, {"crew": crew(1)}])
def test_a_missing_file_is_said_before_the_load(api, tmp_path, more):
    plan = plan_of(tmp_path, api.url, CUSTOMER.format(mode="unique"), steady(), **more)
    with pytest.raises(EngineError, match=r"numbers\.csv: cannot be read: No such file"):
        carry_out(plan)
    assert not api.requests


def test_who_asks_again_is_dealt_the_same_rows_again(tmp_path):
    numbers(tmp_path, 30)
    files = Files()
    files.open(("numbers.csv", "unique"), tmp_path / "numbers.csv")
    dealer = Dealer(files)
    ask = {"file": "numbers.csv", "mode": "unique", "count": 4, "number": 1}
    first = dealer.deal("a", ask)
    assert dealer.deal("a", ask) == first
    second, other = dealer.deal("a", {**ask, "number": 2}), dealer.deal("b", ask)
    rows = [row["n"] for answer in (first, second, other) for row in answer["rows"]]
    assert rows == [f"x{n}" for n in range(12)]


def test_only_what_the_masters_locustfile_feeds_is_dealt(tmp_path):
    (tmp_path / "secret.csv").write_text("a\n1\n")
    answer = Dealer(Files()).deal(
        "a", {"file": str(tmp_path / "secret.csv"), "mode": "unique", "count": 1, "number": 1}
    )
    assert "makes none" in answer["error"]
    assert "rows" not in answer


def test_plain_locust_deals_too(tmp_path, api):
    numbers(tmp_path, 5)
    (tmp_path / "locustfile.py").write_text(
        "from locust import FastHttpUser, task\n"
        "from tailgate_loadtest.engine.feeding import feed\n"
        "numbers = feed('numbers.csv', mode='cycle')\n"
        "class Customer(FastHttpUser):\n"
        "    @task\n"
        "    def order(self):\n"
        "        self.client.get('/order/' + numbers.next()['n'], name='/order')\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "locust", "-f", "locustfile.py", "--headless", "-u", "1", "-t", "2s", "-H", api.url],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(api.requests) == 5
