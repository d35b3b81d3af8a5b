"""The engine process against a real API: every way a locustfile asks, and every request accounted for."""

import json
import textwrap
import threading
from importlib.metadata import version

import pytest
from tailgate_loadtest.errors import EngineError
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.run.bundle import Bundle
from tailgate_loadtest.run.document import RouteRecord
from tailgate_loadtest.run.engine import EngineProcess
from tailgate_loadtest.shapes.orders import Orders, Swarm
from tailgate_loadtest.shapes.tolerance import Tolerance

from tests.loadtest.conftest import Api, carry_out, plan_of, steady


def routes(bundle: Bundle) -> dict[str, RouteRecord]:
    return {record.route: record for record in bundle.read_run().routes}


def asked(bundle: Bundle) -> dict[str, int]:
    """Requests by route, judged or not."""
    return {name: record.requests + record.setup for name, record in routes(bundle).items()}


def check_log_agrees(bundle: Bundle) -> None:
    """The log has as many of each kind as run.json says."""
    log = bundle.read_log()
    for name, record in routes(bundle).items():
        found = {kind: log.whole(name, kind).total for kind in Kind}
        good = record.requests - record.failed - record.censored
        assert found == {
            Kind.RESPONSE: good,
            Kind.SERVICE: good,
            Kind.FAILED: record.failed,
            Kind.CENSORED: record.censored,
            Kind.LOST: record.lost,
            Kind.SETUP: record.setup,
        }


def test_every_arrival_is_carried_and_all_counts_agree_to_the_request(run, api):
    bundle = run(
        """
        from locust import FastHttpUser, HttpUser, task

        class Quick(FastHttpUser):
            weight = 3

            @task
            def look(self):
                self.client.get("/fast?q=1")

        class Thorough(HttpUser):
            @task
            def look(self):
                self.client.get("/fast")
                self.client.post("/save", json={"a": 1})
        """,
        steady(60, 2),
    )
    document = bundle.read_run()
    arrivals = document.arrivals
    assert arrivals.planned == arrivals.arrived == arrivals.started == arrivals.completed == arrivals.judged == 120
    assert asked(bundle) == dict(api.requests)
    assert asked(bundle).keys() == {"GET /fast", "POST /save"}
    assert all(record.failed == record.censored == 0 for record in document.routes)
    check_log_agrees(bundle)
    assert (document.measured_from, document.measured_to) == (0, 2)
    *seconds, end = document.timeline
    assert [round(tick.second) for tick in seconds] == list(range(1, len(document.timeline)))
    assert (end.started, end.completed, end.requests) == (120, 120, sum(api.requests.values()))
    assert document.timeline[-1].planned == pytest.approx(120, abs=1)
    assert bundle.path.parent.joinpath("latest").resolve() == bundle.path


def test_a_frozen_server_is_seen_as_it_was(run, api):
    """Frozen from the 20th of 80 requests on for 1 s: what was due at its start took that long; nothing is hidden."""

    def freeze(count: int) -> None:
        if count == 20:
            api.freeze()
            threading.Timer(1, api.thaw).start()

    api.on_request = freeze
    bundle = run(
        """
        from locust import FastHttpUser, task

        class Someone(FastHttpUser):
            @task
            def look(self):
                self.client.get("/fast")
        """,
        steady(40, 2, users=8),
    )
    record, log = routes(bundle)["GET /fast"], bundle.read_log()
    assert (record.requests, record.failed, record.censored) == (80, 0, 0)
    # Half of the arrivals came within that second, and waited from that long down to not at all.
    assert record.response.max > 0.95
    assert record.response.p90 > 0.7
    assert log.whole("GET /fast", Kind.RESPONSE).above(0.25) >= 28
    # Eight users were in flight; the rest was not sent before the thaw, and service times know nothing of its wait.
    assert 8 <= log.whole("GET /fast", Kind.SERVICE).above(0.25) <= 16
    assert bundle.read_run().arrivals.most_users == 8
    check_log_agrees(bundle)


def test_requests_that_hang_are_censored(run, api):
    bundle = run(
        """
        from locust import FastHttpUser, HttpUser, task

        class Quick(FastHttpUser):
            @task
            def hang(self):
                self.client.get("/hang", name="/slowly")

        class Thorough(HttpUser):
            @task
            def hang(self):
                self.client.get("/hang", name="/slowly")
        """,
        steady(20),
    )
    record = routes(bundle)["GET /slowly"]
    assert (record.requests, record.censored, record.response) == (20, 20, None)
    assert bundle.read_run().arrivals.unfinished == 20
    assert 1.9 < bundle.read_run().seconds < 10
    waited = bundle.read_log().whole("GET /slowly", Kind.CENSORED)
    # The first was due in the beginning and the last a second later, a drain of one second before the end.
    assert waited.maximum() - waited.quantile(0) == pytest.approx(0.95, abs=0.01)
    assert waited.quantile(0) > 0.99


def test_arrivals_past_the_user_bound_wait_and_count_from_when_they_were_due(run, api):
    """Two users carry 10/s between them; 14/s come for a second, and the last of them waits for half a second."""
    bundle = run(
        """
        from locust import FastHttpUser, task

        class Someone(FastHttpUser):
            @task
            def look(self):
                self.client.get("/slow")
        """,
        steady(14, users=2),
    )
    document, record = bundle.read_run(), routes(bundle)["GET /slow"]
    assert (record.requests, record.censored) == (14, 0)
    assert document.arrivals.most_users == 2
    assert max(tick.waiting for tick in document.timeline) >= 2
    # The seven pairs end at 0.2 s, 0.4 s and so on to 1.4 s; the last was due just before the first second was over.
    assert record.response.max > 0.4
    assert record.response.p50 > record.service.p50 + 0.05
    assert document.generator.reasons == ()


def test_arrivals_that_never_got_a_user_are_as_bad_as_hanging(run, api):
    """Of three users the first hangs in its task, the others while they start; other arrivals get none of them."""
    bundle = run(
        """
        import itertools

        from locust import FastHttpUser, task

        started = itertools.count()

        class Someone(FastHttpUser):
            def on_start(self):
                if next(started):
                    self.client.get("/hang", name="/login")

            @task
            def look(self):
                self.client.get("/hang")
        """,
        steady(3, 2, users=3),
    )
    document, record = bundle.read_run(), routes(bundle)["GET /hang"]
    assert (document.arrivals.unfinished, document.arrivals.unstarted) == (1, 5)
    assert (record.requests, record.censored) == (6, 6)
    assert api.requests["GET /hang"] == 3
    assert any("5 arrivals still waited for one of 3 users" in warning for warning in document.warnings)


def test_a_user_makes_room_for_another_persona_when_all_are_taken(run, api):
    bundle = run(
        """
        from locust import FastHttpUser, task

        class A(FastHttpUser):
            @task
            def look(self):
                self.client.get("/a")

        class B(FastHttpUser):
            @task
            def look(self):
                self.client.get("/b")
        """,
        steady(40, users=1),
    )
    assert asked(bundle) == dict(api.requests)
    assert api.requests.total() == 40
    assert set(api.requests) == {"GET /a", "GET /b"}
    assert bundle.read_run().arrivals.most_users == 1


ONE_RUN = pytest.mark.xdist_group("every way")

EVERY_WAY = """
    import sys
    import time

    import gevent
    from locust import FastHttpUser, HttpUser, SequentialTaskSet, TaskSet, User, constant, events, task
    from locust.exception import StopUser
    from tailgate_loadtest.engine.thinking import think


    class Nested(HttpUser):
        weight = 2

        @task
        class Forum(TaskSet):
            wait_time = constant(100)  # a closed user's pause; arrivals set the pace here

            def on_start(self):
                self.client.get("/forum")

            @task(3)
            def thread(self):
                self.client.get("/thread")

            @task
            def leave(self):
                self.client.get("/leave")
                self.interrupt()

            @task
            class Deeper(TaskSet):
                @task
                def once(self):
                    self.client.get("/once")
                    self.interrupt(reschedule=False)


    class Sequential(FastHttpUser):
        wait_time = constant(100)

        @task
        class Checkout(SequentialTaskSet):
            @task
            def basket(self):
                self.client.get("/basket")

            @task
            def pay(self):
                self.client.post("/pay")

            @task
            def done(self):
                self.interrupt()


    class Runaway(FastHttpUser):
        # Nothing but this ever ends its task sets: as many as arrivals, and no more.
        @task
        class Short(TaskSet):
            @task
            def one(self):
                self.client.get("/short")
                self.interrupt()


    class Catching(FastHttpUser):
        @task
        def accept(self):
            with self.client.get("/error", name="/accepted", catch_response=True) as response:
                response.success()

        @task
        def refuse(self):
            with self.client.get("/refused", catch_response=True) as response:
                response.failure("not what was asked for")

        @task
        def rename(self):
            with self.client.rename_request("/renamed"):
                self.client.get("/item/1")

        @task
        def raising(self):
            with self.client.get("/raising", catch_response=True) as response:
                raise KeyError("id")

        @task
        def leaving(self):
            with self.client.get("/leaving", catch_response=True):
                raise StopUser


    class Raising(HttpUser):
        @task
        def raise_after(self):
            self.client.get("/before")
            raise ValueError("what it says is nobody's business")

        @task
        def stop(self):
            self.client.get("/last")
            raise StopUser

        @task
        def wrong(self):
            self.client.get("gopher://nowhere", name="/wrong")


    class Base(FastHttpUser):
        abstract = True

        def on_start(self):
            self.client.post("/login")


    class Starting(Base):
        def on_start(self):
            super().on_start()
            self.client.post("/second")

        def on_stop(self):
            self.client.post("/logout")

        @task
        def look(self):
            self.client.get("/after-login")


    class Thinking(FastHttpUser):
        wait_time = constant(0.1)

        @task
        def browse(self):
            think(self, 0.2)
            self.client.get("/think/first")
            think(self, 0.1)
            think(self, 0.2)
            self.client.get("/think/second")
            began = time.monotonic()
            self.wait()
            assert time.monotonic() - began > 0.09
            self.client.get("/think/third")
            gevent.sleep(0.2)
            self.client.get("/think/fourth")


    class ThinkingWithin(FastHttpUser):
        @task
        class Inner(TaskSet):
            wait_time = constant(0.15)

            @task
            def browse(self):
                self.client.get("/think/inner")
                began = time.monotonic()
                self.wait()
                assert time.monotonic() - began > 0.14
                self.client.get("/think/inner-after")


    class Printing(FastHttpUser):
        print('{"error": "this is no message of the engine"}', flush=True)

        @task
        def look(self):
            print("looking " * 1000)
            sys.stdout.flush()
            self.client.get("/print")


    class Custom(User):
        # A client of its own, which says what it did by the event alone.
        @task
        def call(self):
            began = time.time()
            time.sleep(0.01)
            error = None
            events.request.fire(
                request_type="RPC", name="Shop.Order", response_time=(time.time() - began) * 1000,
                response_length=0, exception=error, context={}, response=None,
            )
"""


@pytest.fixture(scope="module")
def every_way(tmp_path_factory):
    """One run of a locustfile that does all that Locust's documentation shows."""
    with Api() as api:
        plan = plan_of(tmp_path_factory.mktemp("every-way"), api.url, EVERY_WAY, steady(200, 2))
        return carry_out(plan), dict(api.requests)


@ONE_RUN
def test_every_request_of_every_way_is_counted_once(every_way):
    bundle, seen = every_way[0], dict(every_way[1])
    named = {"GET /accepted": "GET /error", "GET /renamed": "GET /item/1"}
    found = asked(bundle)
    assert found.pop("RPC Shop.Order") > 20
    assert found.pop("GET /wrong") > 5
    assert "POST /logout" not in found  # the load is over by then
    seen.pop("POST /logout")
    assert {named.get(route, route): count for route, count in found.items()} == seen
    check_log_agrees(bundle)


@ONE_RUN
def test_every_arrival_of_every_way_is_one_task(every_way):
    bundle, seen = every_way
    arrivals = bundle.read_run().arrivals
    assert arrivals.arrived == arrivals.started == arrivals.completed == 400
    assert (arrivals.abandoned, arrivals.unfinished, arrivals.unstarted) == (0, 0, 0)
    # An arrival of each persona in so many of eleven; a runaway task set would have sent without end.
    assert 20 <= seen["GET /short"] <= 80
    assert seen["GET /forum"] <= 130
    assert seen["GET /after-login"] > 10
    assert abs(seen["GET /basket"] - seen["POST /pay"]) <= 64  # a user each may stand between the two


@ONE_RUN
def test_what_the_locustfile_says_of_an_answer_holds(every_way):
    found = routes(every_way[0])
    assert found["GET /accepted"].failed == 0
    assert found["GET /refused"].errors == {"marked as failed by the locustfile": found["GET /refused"].requests}
    assert found["GET /before"].failed == found["GET /last"].failed == found["RPC Shop.Order"].failed == 0
    assert 0.0099 < found["RPC Shop.Order"].service.p50 < 0.1


@ONE_RUN
def test_an_answer_that_a_task_raised_over_is_a_failure_and_one_it_left_is_what_it_was(every_way):
    found = routes(every_way[0])
    assert found["GET /raising"].errors == {"KeyError": found["GET /raising"].requests}
    assert found["GET /leaving"].failed == 0
    assert found["GET /wrong"].errors == {"InvalidURL": found["GET /wrong"].requests}


@ONE_RUN
def test_exceptions_of_tasks_are_counted_by_class_and_tell_no_more(every_way):
    bundle, _ = every_way
    exceptions = bundle.read_run().exceptions
    assert exceptions["ValueError"] > 5
    assert exceptions["KeyError"] == routes(bundle)["GET /raising"].requests
    assert any(f"tasks raised ValueError {exceptions['ValueError']} times" in w for w in bundle.read_run().warnings)
    assert "nobody's business" not in (bundle.path / "run.json").read_text()


@ONE_RUN
def test_what_users_do_to_start_and_to_stop_is_set_up(every_way):
    bundle, seen = every_way
    found = routes(bundle)
    assert found["GET /after-login"].setup == 0
    for route in ("POST /login", "POST /second"):
        assert found[route].setup == seen[route] > 0
        assert found[route].requests == 0
        assert route not in bundle.read_log().routes
    assert seen["POST /login"] == seen["POST /second"]


@ONE_RUN
def test_planned_think_time_moves_what_is_due_and_any_other_wait_is_a_sleep(every_way):
    """Before the first request, twice in a row, by the locustfile's own wait, in a task set, and without a plan."""
    found = {name: record for name, record in routes(every_way[0]).items() if name.startswith("GET /think/")}
    assert len(found) == 6
    assert {name: record.requests for name, record in found.items() if record.response.p50 > 0.1} == {}
    assert "AssertionError" not in every_way[0].read_run().exceptions
    assert found["GET /think/inner"].requests == found["GET /think/inner-after"].requests


def test_users_that_cannot_begin_leave_their_arrivals_censored(run, api):
    bundle = run(
        """
        import itertools

        from locust import FastHttpUser, task

        starts, makes = itertools.count(), itertools.count()

        class Starting(FastHttpUser):
            def on_start(self):
                if next(starts) % 2:
                    raise RuntimeError("no session")

            @task
            def look(self):
                self.client.get("/slow", name="/starting")

        class Made(FastHttpUser):
            def __init__(self, environment):
                if next(makes) % 2:
                    raise OSError("no database")
                super().__init__(environment)

            @task
            def look(self):
                self.client.get("/slow", name="/made")
        """,
        steady(80),
    )
    document, found = bundle.read_run(), routes(bundle)
    assert document.arrivals.abandoned > 3
    assert document.arrivals.abandoned + document.arrivals.completed == 80
    assert sum(r.requests - r.censored for r in found.values()) == api.requests["GET /slow"]
    assert api.requests["GET /slow"] == document.arrivals.completed
    assert sum(r.censored for r in found.values()) == pytest.approx(document.arrivals.abandoned, abs=2)
    assert sum(document.exceptions[name] for name in ("RuntimeError", "OSError")) >= document.arrivals.abandoned
    assert any("arrivals were never begun, because on_start failed" in warning for warning in document.warnings)


def test_arrivals_of_a_persona_that_never_came_to_a_request_are_told_apart(run):
    bundle = run(
        """
        from locust import FastHttpUser, task

        class Fine(FastHttpUser):
            @task
            def look(self):
                self.client.get("/fast")

        class Never(FastHttpUser):
            def on_start(self):
                raise RuntimeError("no session")

            @task
            def look(self):
                self.client.get("/slow")
        """,
    )
    arrivals = bundle.read_run().arrivals
    assert arrivals.uncharged == arrivals.abandoned > 5
    assert arrivals.completed + arrivals.uncharged == arrivals.arrived


def test_a_closed_load_is_locusts_own(run, api):
    bundle = run(
        """
        from locust import FastHttpUser, HttpUser, constant, task

        class A(FastHttpUser):
            wait_time = constant(0.05)

            def on_start(self):
                self.client.post("/login")

            @task
            def look(self):
                self.client.get("/fast")

        class B(HttpUser):
            wait_time = constant(0.05)

            @task
            def look(self):
                self.client.get("/slow")
        """,
        Swarm(users=6, spawn_rate=20, run_time=1.5),
    )
    document, found = bundle.read_run(), routes(bundle)
    assert document.plan.model == "closed"
    assert asked(bundle) == dict(api.requests)
    assert found["POST /login"].setup == 3
    assert found["GET /fast"].requests > 20
    assert document.arrivals.most_users == 6
    assert document.arrivals.arrived == found["GET /fast"].requests + found["GET /slow"].requests
    assert found["GET /slow"].censored == 0  # what was in flight at the end had time to be answered
    assert found["GET /fast"].response == found["GET /fast"].service
    assert any(warning.startswith("closed model") for warning in document.warnings)
    check_log_agrees(bundle)


def test_a_closed_load_censors_what_hangs(run, api):
    bundle = run(
        """
        from locust import FastHttpUser, task

        class Someone(FastHttpUser):
            @task
            def look(self):
                self.client.get("/hang")
        """,
        Swarm(users=3, spawn_rate=50, run_time=0.5),
    )
    record = routes(bundle)["GET /hang"]
    assert (record.requests, record.censored) == (3, 3)
    assert bundle.read_run().arrivals.arrived == 3
    assert bundle.read_run().arrivals.completed == 0


def test_a_shape_in_the_locustfile_sets_the_load_and_ends_it(run, api):
    """Users hardly wait, so that some are about to ask again when they are ended: nothing is asked for nobody."""
    bundle = run(
        """
        from locust import FastHttpUser, LoadTestShape, constant, task

        class Someone(FastHttpUser):
            wait_time = constant(0.02)

            @task
            def look(self):
                self.client.get("/fast")

        class Stairs(LoadTestShape):
            def tick(self):
                return (12, 100) if self.get_run_time() < 1.5 else None
        """,
        Swarm(users=1, spawn_rate=1, run_time=None),
    )
    document = bundle.read_run()
    assert document.arrivals.most_users == 12
    assert asked(bundle) == dict(api.requests)
    assert routes(bundle)["GET /fast"].censored == 0
    assert 1.5 < document.seconds < 20
    check_log_agrees(bundle)


TAGGED = """
    from locust import FastHttpUser, tag, task

    class Someone(FastHttpUser):
        @tag("read")
        @task
        def look(self):
            self.client.get("/read")

        @tag("write")
        @task
        def save(self):
            self.client.post("/write")

    class Other(FastHttpUser):
        @task
        def look(self):
            self.client.get("/other")
"""


def test_tags_choose_and_a_persona_without_a_task_left_gets_no_arrivals(run, api):
    run(TAGGED, steady(20), tags=("read", "write"), exclude_tags=("write",))
    assert dict(api.requests) == {"GET /read": 20}


def test_classes_are_chosen_by_name_and_weighed_by_the_profile(run, api):
    load = steady(20, mix={"Other": 1.0, "Someone": 0.0}, warmup=0.5)
    bundle = run(TAGGED, load, classes=("Other", "Someone"))
    assert dict(api.requests) == {"GET /other": 30}
    # The warm-up is carried like the rest, and not counted.
    assert asked(bundle) == {"GET /other": 20}
    assert bundle.read_run().arrivals.judged == 20
    assert (bundle.read_run().measured_from, bundle.read_run().measured_to) == (0.5, 1.5)


@pytest.mark.parametrize(
    ("text", "more", "message"),
    [
        ("def f(:\n    pass\n", {}, "locustfile.py: SyntaxError: invalid syntax"),
        ("x = 1\n", {}, "has no user class; write a class that inherits from HttpUser"),
        (TAGGED, {"classes": ("Nobody",)}, "has no user class 'Nobody'; it has Someone, Other"),
        (TAGGED, {"tags": ("nothing",)}, "no user class has a task left to run; see --tags"),
        (
            TAGGED,
            {"load": steady(mix={"Nobody": 1.0})},
            "mix: no user class is called 'Nobody'; there are Someone, Other",
        ),
        (TAGGED, {"load": Swarm(users=1, spawn_rate=1, run_time=None)}, "has no LoadTestShape; say how long with -t"),
    ],
)
def test_what_cannot_be_run_is_said_in_one_sentence_and_leaves_no_bundle(run, tmp_path, text, more, message):
    with pytest.raises(EngineError, match=message):
        run(text, **more)
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} <= {"__pycache__"}


def test_a_directory_with_packages_named_like_ours_is_used_and_shadows_nothing(run, tmp_path, monkeypatch):
    for name in ("service", "loadtest", "otel", "slo", "tests", "dashboards"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"PATH = '/from-{name}'\n")
    monkeypatch.chdir(tmp_path)
    bundle = run(
        """
        import dashboards, loadtest, otel, service, slo, tests
        from locust import FastHttpUser, task

        class Someone(FastHttpUser):
            @task
            def look(self):
                for package in (dashboards, loadtest, otel, service, slo, tests):
                    self.client.get(package.PATH)
        """,
        steady(5),
    )
    assert asked(bundle) == dict.fromkeys(
        (f"GET /from-{name}" for name in ("dashboards", "loadtest", "otel", "service", "slo", "tests")), 5
    )


def test_the_runs_secret_goes_with_every_request_and_no_secret_into_the_bundle(run, api):
    bundle = run(
        f"""
        from locust import FastHttpUser, HttpUser, task

        class A(FastHttpUser):
            @task
            def look(self):
                self.client.get("{api.url.replace("//", "//me:hush@")}/fast?q=hush", headers={{"x-own": "kept"}})

        class B(HttpUser):
            @task
            def look(self):
                self.client.get("{api.url}/fast", params={{"q": "hush"}}, cookies={{"c": "hush"}})
        """,
        steady(20),
        run_secret="hush-this-run",
    )
    assert {request.headers.get("tailgate-run") for request in api.asked} == {"hush-this-run"}
    assert {request.headers.get("x-own") for request in api.asked} == {"kept", None}
    assert asked(bundle) == {"GET /fast": 20}
    assert "hush" not in "".join(path.read_text() for path in bundle.path.iterdir())


def test_a_rehearsal_finds_what_an_arrival_asks_for_and_sends_nothing(api, tmp_path):
    locustfile = tmp_path / "locustfile.py"
    locustfile.write_text(
        textwrap.dedent(
            """
            import random
            import time
            import gevent
            from locust import FastHttpUser, HttpUser, TaskSet, task

            class Plain(FastHttpUser):
                weight = 3

                def on_start(self):
                    self.client.post("/login")

                @task
                def look(self):
                    self.client.get("/list?page=2")
                    self.wait()
                    time.sleep(3)
                    with self.client.get("/item/7", name="/item/{id}", catch_response=True) as response:
                        response.success()

            class Sometimes(HttpUser):
                @task(3)
                def often(self):
                    self.client.get("/often")

                @task
                def rarely(self):
                    self.client.get("/rarely")

            class NeedsAnswers(HttpUser):
                @task
                def look(self):
                    for each in self.client.get("/a").json()["items"]:
                        self.client.get(f"/a/{each}")

            class HandsOn(HttpUser):
                @task
                def look(self):
                    made = self.client.post("/a").json()
                    self.client.delete(f"/a/{made['id']}", json={"why": made["why"]})

            class AtOnce(FastHttpUser):
                @task
                def look(self):
                    gevent.joinall([gevent.spawn(self.client.get, f"/panel/{word}") for word in ("a", "b")])

            class Compares(HttpUser):
                @task
                def look(self):
                    if self.client.get("/a").json()["state"] != "done":
                        self.client.get("/b")

            class NeverEnds(FastHttpUser):
                @task
                def poll(self):
                    while self.client.get("/status").text != "done":
                        pass

            class Nested(HttpUser):
                @task
                class Inner(TaskSet):
                    @task
                    def look(self):
                        self.client.get("/a")
            """
        )
    )
    orders = Orders(
        locustfile=str(locustfile), host=api.url, load=steady(), seed=1, drain=0, log="", result="", rehearse=True
    )
    with EngineProcess(orders) as engine:
        found = engine.rehearsal()
    assert found["Plain"] == {"weight": 3, "requests": {"GET /item/{id}": 1, "GET /list": 1}}
    assert found["Sometimes"]["requests"]["GET /often"] == pytest.approx(0.75, abs=0.12)
    assert sum(found["Sometimes"]["requests"].values()) == 1
    assert {name for name, persona in found.items() if persona["requests"] is None} == {
        *("NeedsAnswers", "Compares", "NeverEnds", "Nested")
    }
    assert found["AtOnce"]["requests"] == {"GET /panel/a": 1, "GET /panel/b": 1}
    assert found["HandsOn"]["requests"] == {"DELETE /a/{id}": 1, "POST /a": 1}
    assert api.requests.total() == 0


def test_a_generator_that_cannot_keep_up_says_so(run):
    bundle = run(
        """
        import time
        from locust import FastHttpUser, task
        from gevent import monkey

        sleep = monkey.get_original("time", "sleep")

        class Someone(FastHttpUser):
            @task
            def look(self):
                self.client.get("/fast")
                sleep(0.1)  # nobody else runs meanwhile
        """,
        steady(20),
        tolerance=Tolerance(),
    )
    health = bundle.read_run().generator
    assert any("were begun more than" in reason for reason in health.reasons)
    assert health.longest_stall > 0.09


CLIENTS = ("HttpUser", "FastHttpUser", "LoadUser")


def each_client(head: str, persona: str) -> str:
    """A locustfile of a persona on each of the clients, whose name stands in place of CLIENT."""
    imports = (
        "from locust import FastHttpUser, HttpUser, events, task\nfrom tailgate_loadtest.engine.http import LoadUser"
    )
    personas = (textwrap.dedent(persona).replace("CLIENT", client) for client in CLIENTS)
    return "\n".join([imports, textwrap.dedent(head), *personas])


def test_locusts_statistics_and_its_request_event_are_there_for_who_reads_them(run, tmp_path):
    bundle = run(
        each_client(
            f"""
            import json
            from pathlib import Path

            heard = []

            @events.request.add_listener
            def hear(name, response_time, **_):
                heard.append((name, response_time))

            @events.test_stop.add_listener
            def tell(environment, **_):
                stats, total = environment.stats, environment.stats.total
                Path({str(tmp_path / "stats.json")!r}).write_text(json.dumps({{
                    "heard": len(heard), "requests": total.num_requests, "failures": total.num_failures,
                    "mean": total.avg_response_time, "heard_mean": sum(t for _, t in heard) / len(heard),
                    "slow": {{client: stats.get("/slow/" + client, "GET").num_requests for client in {CLIENTS}}},
                }}))
            """,
            """
            class MyCLIENT(CLIENT):
                @task
                def look(self):
                    self.client.get("/slow", name="/slow/CLIENT")
                    self.client.get("/error")
                    with self.client.get("/error", name="/fine", catch_response=True) as response:
                        response.success()
            """,
        )
    )
    told = json.loads((tmp_path / "stats.json").read_text())
    found = routes(bundle)
    requests = sum(each.requests for each in found.values())
    assert told["heard"] == told["requests"] == requests
    assert told["slow"] == {client: found[f"GET /slow/{client}"].requests for client in CLIENTS}
    assert told["failures"] == found["GET /error"].failed == found["GET /error"].requests
    assert found["GET /fine"].failed == 0
    assert told["mean"] == pytest.approx(told["heard_mean"], rel=0.1)


def test_a_client_for_load_is_followed_like_any_other(run, api):
    bundle = run(
        """
        import gevent
        from locust import task
        from tailgate_loadtest.engine.http import LoadUser

        class Visitor(LoadUser):
            def on_start(self):
                self.client.post("/login")

            @task
            def look(self):
                self.client.get("/fast?secret=1")
                with self.client.get("/fast", name="/judged", catch_response=True) as response:
                    response.failure("no good")
                with gevent.Timeout(0.3, False):
                    self.client.get("/hang")
        """,
    )
    found = routes(bundle)
    assert {"GET /fast", "GET /judged", "GET /hang", "POST /login"} == set(found)
    assert found["POST /login"].requests == 0 < found["POST /login"].setup
    assert found["GET /judged"].errors == {"marked as failed by the locustfile": found["GET /judged"].requests}
    assert found["GET /hang"].errors == {"Timeout": found["GET /hang"].requests}
    assert found["GET /fast"].failed == 0
    assert found["GET /fast"].requests + found["GET /judged"].requests == api.requests["GET /fast"]


def test_a_failure_counts_even_when_a_listener_of_the_locustfile_breaks_off_the_task(run):
    bundle = run(
        each_client(
            """
            from locust.exception import RescheduleTask

            @events.request.add_listener
            def give_up(exception, **_):
                if exception:
                    raise RescheduleTask
            """,
            """
            class MyCLIENT(CLIENT):
                @task
                def look(self):
                    with self.client.get("/fast", name="/CLIENT", catch_response=True) as response:
                        response.failure("no good")
                    self.client.get("/never")
            """,
        )
    )
    found = bundle.read_run().routes
    assert {route.route for route in found} == {f"GET /{client}" for client in CLIENTS}
    assert all(route.failed == route.requests > 0 for route in found)


def test_every_request_says_who_asks_unless_the_locustfile_says_otherwise(run, api):
    run(
        each_client(
            "",
            """
            class MyCLIENT(CLIENT):
                @task
                def look(self):
                    self.client.get("/fast", headers={"Client": "CLIENT"})
                    self.client.get("/save", headers={"Client": "CLIENT", "User-Agent": "mine"})
            """,
        ),
        steady(15, 1),
    )
    ours = f"tailgate/{version('tailgate-loadtest')} (load-test)"
    said = {(request.headers["client"], request.headers["user-agent"]) for request in api.asked}
    assert said == {(client, agent) for client in CLIENTS for agent in (ours, "mine")}
