import pytest
from tailgate_otel import Config, ConfigError, names


def test_the_environment_is_read_and_the_caller_knows_better():
    environ = {
        names.ENV_SERVICE_NAME: "shop",
        names.ENV_METRICS_PORT: "0",
        names.ENV_METRICS_PORTS: "4",
        names.ENV_OTLP_ENDPOINT: "http://127.0.0.1:4318",
        names.ENV_RUN_SECRET: "secret",
    }
    config = Config.from_env(environ, service_name="till", default_slow=2.0)
    assert (config.service_name, config.metrics_port, config.default_slow) == ("till", 0, 2.0)
    assert config.metrics_ports == 4
    assert (config.otlp_endpoint, config.run_secret) == ("http://127.0.0.1:4318", "secret")


def test_an_empty_environment_is_enough():
    config = Config.from_env({})
    assert (config.metrics_host, config.metrics_port) == ("127.0.0.1", names.DEFAULT_METRICS_PORT)
    assert config.metrics_ports == 1
    assert config.otlp_endpoint is None


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"service_name": ""}, "service_name"),
        ({"thresholds": {"/a": 1.0}}, "'/a'"),
        ({"thresholds": {"GET /a": 0}}, "GET /a"),
        ({"thresholds": {"GET /a": "1"}}, "a number of seconds"),
        ({"budgets": {"GET /a": "1"}}, "a number of queries"),
        ({"budgets": {"GET /a": -1}}, "GET /a"),
        ({"edges": (0.1, float("inf"))}, "inf"),
        ({"default_slow": 0}, "default_slow"),
        ({"sample_ratio": 1.5}, "sample_ratio"),
        ({"keep_per_second": 0}, "keep_per_second"),
        ({"n_plus_one": 1}, "n_plus_one"),
        ({"metrics_port": 70000}, "metrics_port"),
        ({"metrics_ports": 0}, "metrics_ports"),
        ({"metrics_port": 65535, "metrics_ports": 2}, "metrics_ports"),
        ({"run_secret": ""}, "run_secret"),
    ],
)
def test_a_bad_value_is_refused_by_name(values, said):
    with pytest.raises(ConfigError, match=said):
        Config(**({"service_name": "shop"} | values))


@pytest.mark.parametrize("variable", [names.ENV_METRICS_PORT, names.ENV_METRICS_PORTS])
def test_a_port_that_is_no_number_is_refused_by_the_variables_name(variable):
    with pytest.raises(ConfigError, match=variable):
        Config.from_env({variable: "many"})


@pytest.mark.parametrize(
    ("sampler", "given", "share"),
    [
        ("traceidratio", "0.25", 0.25),
        ("parentbased_traceidratio", "0.1", 0.1),
        ("traceidratio", None, 1.0),
        ("parentbased_always_on", "0.1", 1.0),
        ("always_off", None, 0.0),
        (None, "0.25", 0.01),
    ],
)
def test_the_sample_is_what_the_stock_variables_ask_for(sampler, given, share):
    said = {names.ENV_TRACES_SAMPLER: sampler, names.ENV_TRACES_SAMPLER_ARG: given}
    config = Config.from_env({name: value for name, value in said.items() if value is not None})
    assert config.sample_ratio == share


@pytest.mark.parametrize(
    ("sampler", "given", "variable"),
    [
        ("jaeger_remote", "x", names.ENV_TRACES_SAMPLER),
        ("traceidratio", "a tenth", names.ENV_TRACES_SAMPLER_ARG),
        ("traceidratio", "7", "sample_ratio"),
        ("traceidratio", "nan", "sample_ratio"),
    ],
)
def test_a_sampler_that_cannot_be_is_refused_by_the_variables_name(sampler, given, variable):
    with pytest.raises(ConfigError, match=variable):
        Config.from_env({names.ENV_TRACES_SAMPLER: sampler, names.ENV_TRACES_SAMPLER_ARG: given})
