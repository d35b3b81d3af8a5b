"""What requests are called in a run, by the real engine: by their names, by templates, or by their folded paths."""

import textwrap

from tailgate_loadtest.judge.verdict import judge_bundle
from tailgate_loadtest.run.engine import EngineProcess
from tailgate_loadtest.shapes.orders import Crew, Orders

from tests.loadtest.conftest import Api, carry_out, objectives, plan_of, steady

UNNAMED = """
    import itertools
    from locust import FastHttpUser, HttpUser, task
    from tailgate_loadtest.engine.http import LoadUser

    orders = itertools.count(1)

    class Ours(LoadUser):
        @task
        def look(self):
            order = next(orders)
            self.client.get(f"/orders/{order}?full=1")
            self.client.get(f"/orders/{order}/items/x{order}")
            self.client.get(f"/orders/{order}", name=f"/explicit/{order % 2}")

    class Fast(FastHttpUser):
        @task
        def look(self):
            order = next(orders)
            self.client.get(f"/orders/{order}")
            with self.client.get(f"/orders/{order}/items/x{order}", catch_response=True) as response:
                response.success()

    class Plain(HttpUser):
        @task
        def look(self):
            order = next(orders)
            self.client.get(f"/orders/{order}")
            self.client.get(f"/orders/{order}/items/x {order}")
            with self.client.get("/late/1", catch_response=True) as response:
                response.request_meta["name"] = "/late/17"
                response.success()
"""


def test_a_thousand_ids_are_one_route_each_template_and_objectives_on_them_are_judged(api, tmp_path):
    judged = objectives(
        ("order", "measure: latency, route: 'GET /orders/{order}', threshold: 2s", "0.9"),
        ("items", "measure: availability, route: 'GET /orders/{order}/items/{sku}'", "0.9"),
        gate="minimumSamples: 50",
    )
    openapi = ("GET /orders/{id}", "GET /orders/{id}/items/{item}", "GET /late/{n}")
    bundle = carry_out(
        plan_of(tmp_path, api.url, UNNAMED, steady(170, 3), objectives=judged, openapi=openapi), on_tick=lambda _: None
    )
    routes = {record.route: record.requests for record in bundle.read_run().routes}
    # The objectives' spelling goes before; a name that was given, even late, is never changed.
    assert set(routes) == {
        "GET /orders/{order}",
        "GET /orders/{order}/items/{sku}",
        "GET /explicit/0",
        "GET /explicit/1",
        "GET /late/17",
    }
    assert routes["GET /orders/{order}"] == routes["GET /orders/{order}/items/{sku}"] == 510
    assert len(api.requests) > 1000
    verdict = judge_bundle(bundle, judged)
    assert [result.verdict for result in verdict.objectives] == ["pass", "pass"]


def test_without_any_template_plain_ids_are_folded_and_nothing_else(run, api):
    bundle = run(UNNAMED, steady(60))
    assert {record.route for record in bundle.read_run().routes if "/items/x" not in record.route} == {
        "GET /orders/{id}",
        "GET /explicit/0",
        "GET /explicit/1",
        "GET /late/17",
    }


def test_the_hosts_own_path_may_be_part_of_the_template(tmp_path):
    with Api() as api:
        plan = plan_of(
            tmp_path,
            f"{api.url}/shop/v1",
            """
            from locust import HttpUser, task
            from tailgate_loadtest.engine.http import LoadUser

            class Ours(LoadUser):
                @task
                def look(self):
                    self.client.get("/orders/x1")

            class Plain(HttpUser):
                @task
                def look(self):
                    self.client.get("/orders/x2")
            """,
            steady(20),
            openapi=("GET /shop/v1/orders/{id}",),
        )
        assert [record.route for record in carry_out(plan).read_run().routes] == ["GET /shop/v1/orders/{id}"]


def test_a_rehearsal_calls_requests_as_the_run_will(tmp_path):
    locustfile = tmp_path / "locustfile.py"
    locustfile.write_text(
        textwrap.dedent(
            """
            from locust import FastHttpUser
            from tailgate_loadtest.engine.http import LoadUser

            def look(user):
                for n in range(10):
                    user.client.get(f"/orders/x{n}")
                user.client.get("/orders/7", name="/mine/7")

            class Ours(LoadUser):
                tasks = [look]

            class Fast(FastHttpUser):
                tasks = [look]
            """
        )
    )
    orders = Orders(
        locustfile=str(locustfile), host="http://127.0.0.1:1", load=steady(), seed=1, drain=0, log="", result="",
        rehearse=True, routes=("GET /orders/{id}",),
    )  # fmt: skip
    with EngineProcess(orders) as engine:
        found = engine.rehearsal()
    for persona in ("Ours", "Fast"):
        assert found[persona]["requests"] == {"GET /orders/{id}": 10, "GET /mine/7": 1}


def test_workers_call_requests_as_one_process_does(run, api):
    bundle = run(
        """
        import itertools
        from tailgate_loadtest.engine.http import LoadUser
        from locust import task

        orders = itertools.count()

        class Someone(LoadUser):
            @task
            def look(self):
                self.client.get(f"/orders/x{next(orders)}")
        """,
        steady(40, 2),
        openapi=("GET /orders/{id}",),
        crew=Crew(processes=2, expect=2, host="127.0.0.1", port=0, patience=60),
    )
    assert {record.route: record.requests for record in bundle.read_run().routes} == {"GET /orders/{id}": 80}
