"""Orders cross to the engine as one line of JSON and are the same on the other side."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate_loadtest.shapes.orders import Orders, Probing, Swarm
from tailgate_loadtest.shapes.profile import find

COMMON = {"locustfile": "/x/ü.py", "host": "http://h", "seed": 3, "drain": 5.5, "log": "/l", "result": "/r"}


@pytest.mark.parametrize("name", ["smoke", "load", "breakpoint"])
def test_orders_of_an_open_load_come_back(name):
    orders = Orders(**COMMON, load=find(name), targets="/t", run_secret="s", tags=("a", "b"), classes=("C",))
    assert Orders.from_json(orders.to_json()) == orders
    assert "\n" not in orders.to_json()


@given(st.integers(1, 10**6), st.floats(0.01, 1e6), st.none() | st.floats(0, 1e6), st.lists(st.text()).map(tuple))
def test_orders_of_a_closed_load_come_back(users, rate, time, tags):
    load = Swarm(users=users, spawn_rate=rate, run_time=time)
    orders = Orders(**COMMON, load=load, exclude_tags=tags, rehearse=True)
    assert Orders.from_json(orders.to_json()) == orders
    assert "\n" not in orders.to_json()


def test_orders_of_a_probe_come_back():
    orders = Orders(**COMMON, load=find("smoke"), probe=Probing(requests=3, iterations=2, seconds=0.5))
    assert Orders.from_json(orders.to_json()) == orders
