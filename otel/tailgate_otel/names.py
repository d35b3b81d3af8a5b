"""Every metric, label, attribute, header and environment name of the project. This module imports nothing.

Standard names follow OpenTelemetry's stable semantic conventions, written for Prometheus by the rules of
https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/ (dots become underscores,
the unit is appended). Our own measures begin with ``tailgate_``.
"""

# Metrics of the serving process. In Prometheus histograms add _bucket, _sum, _count, and counters _total.
HTTP_SERVER_DURATION = "http_server_request_duration_seconds"
HTTP_SERVER_ACTIVE = "http_server_active_requests"
DB_OPERATION_DURATION = "db_client_operation_duration_seconds"
DB_POOL_WAIT = "db_client_connection_wait_time_seconds"
DB_POOL_COUNT = "db_client_connection_count"
DB_POOL_MAX = "db_client_connection_max"
DB_POOL_PENDING = "db_client_connection_pending_requests"
QUERIES_PER_REQUEST = "tailgate_queries_per_request"
DB_TIME_PER_REQUEST = "tailgate_db_time_per_request_seconds"
N_PLUS_ONE = "tailgate_n_plus_one"
TRACES_KEPT = "tailgate_traces_kept"
TRACES_OVER_CAP = "tailgate_traces_over_cap"
SPANS_DROPPED = "tailgate_spans_dropped"
INSTRUMENTATION_ERRORS = "tailgate_instrumentation_errors"

# Metrics of the reference service's read model.
READMODEL_BYTES = "tailgate_readmodel_bytes"
READMODEL_DOCUMENTS = "tailgate_readmodel_documents"
READMODEL_READS = "tailgate_readmodel_reads"

# Metrics of its live connections.
LIVE_CONNECTIONS = "tailgate_live_connections"
LIVE_EVENTS_SENT = "tailgate_live_events_sent"
LIVE_CUT_OFF = "tailgate_live_cut_off"
LIVE_LAG = "tailgate_live_lag_seconds"

# Metrics of its cache.
CACHE_HITS = "tailgate_cache_hits"
CACHE_MISSES = "tailgate_cache_misses"
CACHE_FAILURES = "tailgate_cache_failures"

# Metrics of a run, as the load generator sees it.
LOAD_RESPONSE_TIME = "tailgate_load_response_time_seconds"
LOAD_FAILED = "tailgate_load_failed_requests"
LOAD_CENSORED = "tailgate_load_censored_requests"
LOAD_RECENT = "tailgate_load_recent_response_time_seconds"
LOAD_PLANNED = "tailgate_load_planned_arrivals"
LOAD_STARTED = "tailgate_load_started_arrivals"
LOAD_COMPLETED = "tailgate_load_completed_arrivals"
LOAD_WAITING = "tailgate_load_waiting_arrivals"
LOAD_USERS = "tailgate_load_users"
LOAD_LAG = "tailgate_load_lag_seconds"
LOAD_OBJECTIVE_STATE = "tailgate_load_objective_state"
LOAD_SERVICE_TIME = "tailgate_load_service_time_seconds"
RUN_INFO = "tailgate_run_info"
RUN_START = "tailgate_run_start_time_seconds"

# What a comparison tells a merge request.
COMPARISON_EXIT_CODE = "tailgate_comparison_exit_code"
COMPARISON_RESPONSE_TIME = "tailgate_comparison_response_time_seconds"
COMPARISON_FAILURES = "tailgate_comparison_failures_ratio"
COMPARISON_CHANGE = "tailgate_comparison_change_ratio"

# Web Vitals of page views, and what pages tell of themselves beside them; CLS is a score.
WEB_VITAL_LCP = "tailgate_web_vital_lcp_seconds"
WEB_VITAL_INP = "tailgate_web_vital_inp_seconds"
WEB_VITAL_CLS = "tailgate_web_vital_cls"
WEB_VITAL_FCP = "tailgate_web_vital_fcp_seconds"
WEB_VITAL_TTFB = "tailgate_web_vital_ttfb_seconds"
WEB_VITAL_RATINGS = "tailgate_web_vital_ratings"
WEB_VITAL_MISSING = "tailgate_web_vital_missing"
PAGE_VIEWS = "tailgate_page_views"
PAGE_TIMING = "tailgate_page_timing_seconds"
BEACONS_REFUSED = "tailgate_beacons_refused"

# What Postgres says of the sessions of its database.
POSTGRES_SESSIONS = "tailgate_postgres_sessions"
POSTGRES_LOCKS = "tailgate_postgres_locks"
POSTGRES_LOCK_WAIT = "tailgate_postgres_lock_wait_seconds"

# Labels.
LABEL_JOB = "job"  # this and the next by Prometheus, of each target
LABEL_INSTANCE = "instance"
LABEL_METHOD = "http_request_method"
LABEL_ROUTE = "http_route"
LABEL_STATUS = "http_response_status_code"
LABEL_SYNTHETIC = "user_agent_synthetic_type"  # on the requests of load tests only
LABEL_DB_SYSTEM = "db_system_name"
LABEL_DB_OPERATION = "db_operation_name"
LABEL_ERROR_TYPE = "error_type"
LABEL_POOL = "db_client_connection_pool_name"
LABEL_POOL_STATE = "db_client_connection_state"
LABEL_REASON = "reason"
LABEL_TRANSPORT = "transport"
LABEL_DOCUMENT = "document"
LABEL_SOURCE = "source"
LABEL_CACHE = "cache"
LABEL_LAYER = "layer"
LABEL_OBJECTIVE = "objective"
LABEL_MEASURE = "measure"
LABEL_PERCENTILE = "percentile"
LABEL_RUN_ID = "run_id"
LABEL_PROFILE = "profile"
LABEL_HOST = "host"
LABEL_VERSION = "version"
LABEL_PAGE = "page"
LABEL_DEVICE = "device"
LABEL_RATING = "rating"
LABEL_NAVIGATION = "navigation"
LABEL_TIMING = "timing"
LABEL_WAIT = "wait"
LABEL_LOCK_MODE = "mode"
LABEL_LOCK_STATE = "state"
LABEL_TRACE_ID = "trace_id"  # of exemplars

# Label values that there is no choice of.
DB_SYSTEM = "postgresql"
POOL_IDLE = "idle"
POOL_USED = "used"
SYNTHETIC_TEST = "test"
SOURCE_BEACON = "beacon"

# Bounded label values for what is not known.
OTHER_METHOD = "_OTHER"
OTHER_STATUS = "_OTHER"
OTHER_OPERATION = "_OTHER"
OTHER_ERROR_TYPE = "_OTHER"
OTHER_POOL = "_OTHER"
UNKNOWN_ROUTE = "(unknown)"
OTHER_ROUTE = "(other)"

# Span and resource attributes: stable conventions first, then ours.
ATTR_METHOD = "http.request.method"
ATTR_ROUTE = "http.route"
ATTR_STATUS = "http.response.status_code"
ATTR_PATH = "url.path"
ATTR_SCHEME = "url.scheme"
ATTR_ERROR_TYPE = "error.type"
ATTR_USER_AGENT = "user_agent.original"
ATTR_SERVER_ADDRESS = "server.address"
ATTR_DB_SYSTEM = "db.system.name"
ATTR_DB_OPERATION = "db.operation.name"
ATTR_DB_QUERY = "db.query.text"
ATTR_DB_STATUS = "db.response.status_code"
ATTR_SERVICE_NAME = "service.name"
ATTR_SERVICE_VERSION = "service.version"
ATTR_SERVICE_INSTANCE = "service.instance.id"
ATTR_KEPT_REASON = "tailgate.kept.reason"
ATTR_QUERIES = "tailgate.db.queries"
ATTR_ROUND_TRIPS = "tailgate.db.round_trips"
ATTR_DB_TIME = "tailgate.db.time"
ATTR_POOL_WAIT = "tailgate.db.pool_wait"
ATTR_TRANSACTIONS = "tailgate.db.transaction_control"
ATTR_RESETS = "tailgate.db.resets"
ATTR_INTROSPECTIONS = "tailgate.db.introspections"
ATTR_CALL_KIND = "tailgate.db.kind"
ATTR_DB_CONSTRAINT = "tailgate.db.constraint"
ATTR_CODE_FILE = "code.file.path"
ATTR_CODE_LINE = "code.line.number"
ATTR_N_PLUS_ONE = "tailgate.n_plus_one"
ATTR_N_PLUS_ONE_COUNT = "tailgate.n_plus_one.count"
ATTR_N_PLUS_ONE_TIME = "tailgate.n_plus_one.time"
ATTR_N_PLUS_ONE_SITE = "tailgate.n_plus_one.site"
ATTR_N_PLUS_ONE_ROWS = "tailgate.n_plus_one.rows"
ATTR_N_PLUS_ONE_GROWTH = "tailgate.n_plus_one.growth"
ATTR_HEAD_SAMPLED = "tailgate.head_sampled"
ATTR_SPANS_DROPPED = "tailgate.spans_dropped"

# What stock instrumentation called some of them before the conventions were stable.
ATTR_METHOD_OLD = "http.method"
ATTR_STATUS_OLD = "http.status_code"
ATTR_TARGET_OLD = "http.target"
ATTR_URL_OLD = "http.url"
ATTR_DB_SYSTEM_OLD = "db.system"
ATTR_DB_OPERATION_OLD = "db.operation"
ATTR_DB_QUERY_OLD = "db.statement"
ATTR_DB_COLLECTION = "db.collection.name"
ATTR_DB_COLLECTION_OLD = "db.sql.table"
ATTR_CODE_FILE_OLD = "code.filepath"
ATTR_CODE_LINE_OLD = "code.lineno"
ATTR_PEER_OLD = "net.peer.name"

# Why a trace was kept: the values of ATTR_KEPT_REASON and of the label ``reason``.
KEPT_ERROR = "error"
KEPT_SLOW = "slow"
KEPT_BUDGET = "budget"
KEPT_N_PLUS_ONE = "n_plus_one"
KEPT_SAMPLE = "sample"
KEPT_FORCED = "forced"

# Headers.
HEADER_TRACEPARENT = "traceparent"
HEADER_TRACESTATE = "tracestate"
HEADER_BAGGAGE = "baggage"
HEADER_USER_AGENT = "user-agent"
HEADER_SERVER_TIMING = "server-timing"
HEADER_RUN_SECRET = "tailgate-run"  # noqa: S105 - the header's name, not a secret
HEADER_API_KEY = "x-api-key"
HEADER_AUTHORIZATION = "authorization"
HEADER_WORKSPACE = "x-workspace-id"
HEADER_WEBHOOK_SIGNATURE = "x-webhook-signature"

# What a User-Agent holds that is a load test's.
SYNTHETIC_AGENT = "load-test"

# Server-Timing metric names, in the order they are written.
TIMING_TRACE = "trace"
TIMING_QUERIES = "queries"
TIMING_ROUND_TRIPS = "trips"
TIMING_DB = "db"
TIMING_POOL = "pool"
TIMING_APP = "app"

# Where a request's record lies in its ASGI scope.
SCOPE_RECORD = "tailgate.record"

# Environment: OpenTelemetry's own where there is one.
ENV_METRICS_HOST = "OTEL_EXPORTER_PROMETHEUS_HOST"
ENV_METRICS_PORT = "OTEL_EXPORTER_PROMETHEUS_PORT"
ENV_METRICS_PORTS = "TAILGATE_METRICS_PORTS"
ENV_OTLP_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
ENV_OTLP_PROTOCOL = "OTEL_EXPORTER_OTLP_PROTOCOL"
ENV_TRACES_EXPORTER = "OTEL_TRACES_EXPORTER"
ENV_METRICS_EXPORTER = "OTEL_METRICS_EXPORTER"
ENV_LOGS_EXPORTER = "OTEL_LOGS_EXPORTER"
ENV_TRACES_SAMPLER = "OTEL_TRACES_SAMPLER"
ENV_TRACES_SAMPLER_ARG = "OTEL_TRACES_SAMPLER_ARG"
ENV_OTLP_METRICS_ENDPOINT = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"
ENV_TEMPO_ENDPOINT = "TAILGATE_TEMPO_ENDPOINT"  # read by otel/collector.yaml
ENV_TRACES_FILE = "TAILGATE_TRACES_FILE"
ENV_SERVICE_NAME = "OTEL_SERVICE_NAME"
ENV_SEMCONV_OPT_IN = "OTEL_SEMCONV_STABILITY_OPT_IN"
ENV_TRUSTED_PEERS = "TAILGATE_TRUSTED_PEERS"
ENV_RUN_SECRET = "TAILGATE_RUN_SECRET"  # noqa: S105 - the variable's name, not a secret
ENV_TARGETS = "TAILGATE_TARGETS"
ENV_CREW_KEY = "TAILGATE_CREW_KEY"
ENV_RUN_METRICS_PORT = "TAILGATE_METRICS_PORT"
ENV_TOLERATE = "TAILGATE_TOLERATE"
ENV_CHROMIUM = "TAILGATE_CHROMIUM"
ENV_SIDE = "TAILGATE_SIDE"  # of a comparison, told to what is started for it
ENV_SIDE_DIRECTORY = "TAILGATE_DIRECTORY"
ENV_COMPOSE_FILE = "COMPOSE_FILE"  # this and the next are read by Docker Compose
ENV_COMPOSE_PROJECT = "COMPOSE_PROJECT_NAME"
ENV_PROMETHEUS_URL = "TAILGATE_PROMETHEUS_URL"  # this and the next three are read by dashboards/provisioning
ENV_TEMPO_URL = "TAILGATE_TEMPO_URL"
ENV_ALERTMANAGER_URL = "TAILGATE_ALERTMANAGER_URL"
ENV_BOARDS = "TAILGATE_BOARDS"
ENV_GRAFANA_URL = "GRAFANA_URL"
ENV_GRAFANA_TOKEN = "GRAFANA_TOKEN"  # noqa: S105 - the variable's name, not a secret
ENV_GRAFANA_TOKEN_FILE = "GRAFANA_TOKEN_FILE"  # noqa: S105 - the variable's name, not a secret
ENV_GITHUB_API_URL = "GITHUB_API_URL"
ENV_GITHUB_BASE_REF = "GITHUB_BASE_REF"
ENV_GITHUB_EVENT_NAME = "GITHUB_EVENT_NAME"
ENV_GITHUB_EVENT_PATH = "GITHUB_EVENT_PATH"
ENV_GITHUB_REPOSITORY = "GITHUB_REPOSITORY"
ENV_GITHUB_TOKEN = "GITHUB_TOKEN"  # noqa: S105 - the variable's name, not a secret

# Environment of the reference service.
ENV_DATABASE_URL = "TAILGATE_DATABASE_URL"
ENV_VARIANT = "TAILGATE_VARIANT"
ENV_RECORDER = "TAILGATE_RECORDER"
ENV_HOST = "TAILGATE_HOST"
ENV_PORT = "TAILGATE_PORT"
ENV_SLO = "TAILGATE_SLO"
ENV_POOL_SIZE = "TAILGATE_POOL_SIZE"
ENV_HOT_BYTES = "TAILGATE_HOT_BYTES"
ENV_EVENTS_KEPT = "TAILGATE_EVENTS_KEPT"
ENV_WEBHOOK_SECRET = "TAILGATE_WEBHOOK_SECRET"  # noqa: S105 - the variable's name, not a secret
ENV_WEBHOOK_VERIFY_TOKEN = "TAILGATE_WEBHOOK_VERIFY_TOKEN"  # noqa: S105 - the variable's name, not a secret
ENV_REDIS_URL = "TAILGATE_REDIS_URL"
ENV_VOICE_URL = "TAILGATE_VOICE_URL"
ENV_VOICE_KEY = "TAILGATE_VOICE_KEY"
ENV_TOKEN_ISSUER = "TAILGATE_TOKEN_ISSUER"  # noqa: S105 - the variable's name, not a secret
ENV_TOKEN_AUDIENCE = "TAILGATE_TOKEN_AUDIENCE"  # noqa: S105 - the variable's name, not a secret
ENV_TOKEN_KEYS = "TAILGATE_TOKEN_KEYS"  # noqa: S105 - the variable's name, not a secret
ENV_ALLOWED_ORIGINS = "TAILGATE_ALLOWED_ORIGINS"
ENV_PARENT = "TAILGATE_PARENT"

DEFAULT_METRICS_PORT = 9464

# What the compiled rules record. The slo:* and sloth_* names are Sloth's, as public SLO boards expect them;
# SLI_ERROR_RATIO is followed by its window.
SLI_ERROR_RATIO = "slo:sli_error:ratio_rate"
SLO_OBJECTIVE = "slo:objective:ratio"
SLO_ERROR_BUDGET = "slo:error_budget:ratio"
SLO_PERIOD_DAYS = "slo:time_period:days"
SLO_CURRENT_BURN_RATE = "slo:current_burn_rate:ratio"
SLO_PERIOD_BURN_RATE = "slo:period_burn_rate:ratio"
SLO_BUDGET_REMAINING = "slo:period_error_budget_remaining:ratio"
SLO_INFO = "sloth_slo_info"
SLI_BAD_EVENTS = "tailgate:sli_bad_events:rate5m"
SLI_EVENTS = "tailgate:sli_events:rate5m"
SLI_RECORDED = "tailgate:sli_recorded:timestamp_seconds"
# SLI_KNOWN is followed by its window.
SLI_KNOWN = "tailgate:sli_known:ratio"
ALERT_BURN = "TailgateErrorBudgetBurn"
ALERT_ABSENT = "TailgateNoData"
ANNOTATION_RUNBOOK = "runbook_url"
ANNOTATION_BOARD = "dashboard_url"
LABEL_SLO_ID = "sloth_id"
LABEL_SLO_SERVICE = "sloth_service"
LABEL_SLO_NAME = "sloth_slo"
LABEL_SLO_WINDOW = "sloth_window"
LABEL_SLO_SEVERITY = "sloth_severity"
LABEL_SLO_OBJECTIVE = "sloth_objective"
LABEL_SLO_MODE = "sloth_mode"
LABEL_SLO_SPEC = "sloth_spec"
LABEL_LE = "le"
LABEL_SEVERITY = "severity"
LABEL_ABSENT = "absent"  # what an alert of no data misses

# What a Grafana keeps of ours, by its uids, and the tag of the annotations that mark runs.
GRAFANA_FOLDER = "tailgate"
GRAFANA_PROMETHEUS = "tailgate-prometheus"
GRAFANA_TEMPO = "tailgate-tempo"
GRAFANA_LOAD_TEST_BOARD = "tailgate-load-test"
GRAFANA_RUN_TAG = "tailgate-run"
