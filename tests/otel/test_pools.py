"""Pools among the metrics: found by themselves, read as they are, forgotten with them."""

import gc

from tailgate_otel import Config, Recorder, create_pool, names


async def _asked(recorder: Recorder, pool) -> dict[str, str]:
    """The lines of the page about pools, after one request that used one."""

    async def app(scope, receive, send):
        await pool.fetch("select 1")
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    async def send(_):
        return

    await recorder.middleware(app)({"type": "http", "method": "GET", "path": "/", "headers": []}, None, send)
    return _pools(recorder)


def _pools(recorder: Recorder) -> dict[str, str]:
    lines = "".join(recorder.text(openmetrics=True)).splitlines()
    return dict(
        line.rsplit(" ", 1) for line in lines if line.startswith("db_client_connection_") and "wait" not in line
    )


def _labelled(name: str, **labels: str) -> str:
    written = ",".join(f'{key}="{value}"' for key, value in labels.items())
    return f"{name}{{{written}}}"


async def test_a_pool_is_shown_from_its_first_request_on_until_it_is_closed(dsn):
    recorder = Recorder(Config(service_name="x"))
    async with create_pool(dsn, min_size=2, max_size=3, name="orders") as pool:
        assert _pools(recorder) == {}
        assert await _asked(recorder, pool) == {
            _labelled(names.DB_POOL_COUNT, **{names.LABEL_POOL: "orders", names.LABEL_POOL_STATE: "idle"}): "2",
            _labelled(names.DB_POOL_COUNT, **{names.LABEL_POOL: "orders", names.LABEL_POOL_STATE: "used"}): "0",
            _labelled(names.DB_POOL_MAX, **{names.LABEL_POOL: "orders"}): "3",
            _labelled(names.DB_POOL_PENDING, **{names.LABEL_POOL: "orders"}): "0",
        }
    assert _pools(recorder) == {}
    assert recorder.guard.failures == 0


async def test_each_recorder_shows_the_pool_that_its_requests_use(dsn):
    first, second = Recorder(Config(service_name="x")), Recorder(Config(service_name="y"))
    async with create_pool(dsn, min_size=1, max_size=1) as pool:
        assert await _asked(first, pool)
        assert await _asked(second, pool)
        assert await _asked(first, pool)


async def test_a_pool_is_kept_alive_by_its_application_alone(dsn):
    recorder = Recorder(Config(service_name="x"))
    pool = await create_pool(dsn, min_size=1, max_size=1)
    assert await _asked(recorder, pool)
    pool.terminate()
    del pool
    gc.collect()
    assert _pools(recorder) == {}
