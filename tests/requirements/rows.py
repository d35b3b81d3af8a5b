"""The table of requirements: what each row asks, and which figures it needs beside the tests that carry its id.

Five performance write-ups of three products are its origin: a WhatsApp CRM that moved its data layer (A), a database of
conversations that was tuned (B), a dashboard of voice agents that was made fast (C).
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Row:
    """One requirement.

    Attributes:
        figures: names of figures; ``*`` stands for any part of one. Each must be stored, and all must meet their goals.
        document: a file of the repository that must be there.

    """

    id: str
    title: str
    text: str
    figures: tuple[str, ...] = ()
    document: str | None = None


ROWS = (
    Row(
        id="A1",
        title="Web Vitals",
        text="LCP, INP, CLS, FCP and TTFB of a real browser, at the 75th percentile, in Prometheus and against "
        "objectives. They had the script loaded, and never saw it work.",
        figures=("vitals.*",),
    ),
    Row(
        id="A2",
        title="Timing of every route",
        text="Traces and metrics of each route. They had lines on the console for three of them.",
    ),
    Row(
        id="A3",
        title="Queries per request",
        text="An exact count for each request, a budget for each route, and an N+1 called by its name. They had 4 "
        "queries per request and wanted fewer than 2.",
        figures=("readmodel.queries_per_read", "readmodel.sequential_queries_per_read"),
    ),
    Row(
        id="A4",
        title="Baseline",
        text="P50, P95 and P99 before any optimisation, in a document that a command writes. They had a form to fill "
        "in.",
        document="docs/baseline.md",
    ),
    Row(
        id="A5",
        title="Queries side by side",
        text="Variant `parallel` beside variant `sequential`, with the same answers. Their P95 went from 2-6 s to 926 "
        "ms.",
        figures=("database.layers.parallel.api.*.times_sequential",),
    ),
    Row(
        id="A6",
        title="Indexes that are used",
        text="The plan of each hot query shows its composite index. Theirs were made, and never verified.",
    ),
    Row(
        id="A7",
        title="Named columns, one join",
        text="No hot path but the untuned variant's asks for whole rows.",
    ),
    Row(
        id="A8",
        title="Read model",
        text="Variant `readmodel` at least 25.4 times as quick as `sequential` at P95 over the same emulated round "
        "trip, with a P95 of at most 37 ms and a P99 of at most 250 ms, and neither by saturation. Their second layer "
        "came to 23/37/2303 ms.",
        figures=(
            "readmodel.p95_ratio",
            "readmodel.p95_ms",
            "readmodel.p99_ms",
            "readmodel.queries_per_read",
            "readmodel.sequential_pool_wait_share",
            "readmodel.cpu_share",
            "readmodel.staleness_p99_ms",
            "readmodel.unread_own_writes",
        ),
    ),
    Row(
        id="A9",
        title="Who is let in",
        text="Tokens of an outside issuer by its JWKS, API keys, and membership of the workspace, each with tests that "
        "try to get in without.",
    ),
    Row(
        id="A10",
        title="The provider's webhook",
        text="Verified by GET; a signed POST becomes contact, conversation and message, visible in the inbox. Retried, "
        "reordered or doubled, it leaves one message. Theirs was never deployed.",
    ),
    Row(
        id="A11",
        title="Backfill",
        text="The read model is made of the tables, goes on after an interruption, and is verified row by row.",
    ),
    Row(
        id="A12",
        title="Filters",
        text="Active, status, assigned to a user or to nobody, tags, search and page, all on the server.",
    ),
    Row(
        id="A13",
        title="Contacts",
        text="Created, changed, deleted for good; phone numbers are compared by their digits.",
    ),
    Row(
        id="A14",
        title="Real-time inbox",
        text="How late events come under load is measured; whoever reconnects has missed nothing.",
        figures=("live.delivery_p95_ms", "live.missed", "live.twice", "live.unsent"),
    ),
    Row(
        id="A15",
        title="Layers compared",
        text="A command measures each layer by itself and through the API, and writes P50, P95, P99 and a verdict "
        "against 500 ms. Theirs came to 306/416/857 ms by itself.",
        figures=(
            "database.layers.parallel.direct.*.p95_ms",
            "database.layers.parallel.api.*.p95_ms",
            "database.layers.readmodel.direct.*.p95_ms",
            "database.layers.readmodel.api.*.p95_ms",
        ),
    ),
    Row(
        id="A16",
        title="Decision gate",
        text="Adopt a layer when its P95 is below 500 ms and half the other's or less, keep and tune when they differ "
        "by less than 20 %: a rule of the objectives, decided by a command with its statistics.",
    ),
    Row(
        id="A17",
        title="This page",
        text="Requirement by requirement, written by a command from the tests that carry the row's id. They did it by "
        "hand.",
    ),
    Row(
        id="B1",
        title="Policies asked once",
        text="The plan shows, policy by policy, that row-level security is evaluated once per query. Theirs went from "
        "2132 evaluations to 1.",
    ),
    Row(
        id="B2",
        title="All four policies",
        text="Select, insert, update and delete on both tables, each tried from outside the workspace. They had select "
        "alone.",
    ),
    Row(
        id="B3",
        title="NOT NULL, backfilled",
        text="The workspace is filled in, verified, and only then required.",
    ),
    Row(
        id="B4",
        title="Indexes built beside the traffic",
        text="8 composite indexes, built concurrently: nothing waits for a table.",
    ),
    Row(
        id="B5",
        title="Metadata is checked",
        text="Constraints of both tables refuse bad JSON metadata, and the API names the field.",
    ),
    Row(
        id="B6",
        title="Analytics view",
        text="The view is there, and shows what the tables hold.",
    ),
    Row(
        id="B7",
        title="Verification",
        text="`tailgate db verify` reports six checks or more with their evidence; each is able to fail.",
    ),
    Row(
        id="B8",
        title="Rollback without downtime",
        text="Migrations go up and down under load, and no request fails.",
        figures=("migrating.failed_requests", "migrating.down.p99_ms", "migrating.up.p99_ms"),
    ),
    Row(
        id="B9",
        title="Queries before and after",
        text="The same six queries over the same rows, each made quicker by at least what theirs was: 50 to 15 ms, 800 "
        "to 200, 500 to 10, 300 to 5, 1500 to 20, 200 to 2.",
        figures=(
            "database.queries.100_conversations.ratio",
            "database.queries.all_conversations.ratio",
            "database.queries.domain_by_day.ratio",
            "database.queries.by_status.ratio",
            "database.queries.messages_by_hour.ratio",
            "database.queries.latest_messages.ratio",
        ),
    ),
    Row(
        id="C1",
        title="A view that is missing",
        text="The list of leads is answered without its view, and never by a 500, while the view is dropped and comes "
        "back. Theirs ran into time-outs of 30 s.",
        figures=("dashboard.leads_without_view_failed", "dashboard.leads_without_view_p95_ms"),
    ),
    Row(
        id="C2",
        title="Panels by themselves",
        text="The page asks for all its panels at once, and one that is broken takes no other along. Theirs went from "
        "8-12 s to 3-4 s.",
        figures=("dashboard.page_p95_ms",),
    ),
    Row(
        id="C3",
        title="Compression",
        text="Bodies over 1 KB are sent by gzip or brotli as asked for, with at least 60 % fewer bytes. Theirs went "
        "from 250 KB to 75-85.",
        figures=("compression.*.gzip.fewer", "compression.*.br.fewer"),
    ),
    Row(
        id="C4",
        title="Cache",
        text="85 % of what is looked up is found; without Redis no request fails, and nothing older than an "
        "invalidation is read. Their hit rate went from 45 % to 75-85 %.",
        figures=("cache.hit_rate", "cache.failed_requests", "cache.reads_older_than_an_answered_save"),
    ),
    Row(
        id="C5",
        title="Unchanged is not synced",
        text="An agent that is saved as it was is not sent to the outside provider, which saved them 3-8 s.",
        figures=("dashboard.unchanged_save_saves_s",),
    ),
    Row(
        id="C6",
        title="Test call in the background",
        text="The call is answered at once, goes on in the background, and tells its stages, failure included. Theirs "
        "went from 20 s to 3 s.",
        figures=("dashboard.test_call_p95_ms",),
    ),
    Row(
        id="C7",
        title="Microphone asked for early",
        text="The page asks for it when it loads, which saved them 1-3 s.",
    ),
    Row(
        id="C8",
        title="Loading by stages",
        text="States of loading are shown one by one; polling stands in for a lost live connection, which comes back "
        "by itself.",
    ),
    Row(
        id="C9",
        title="The dashboard loads",
        text="LCP and full load in less than 2 s. Theirs took 30 s.",
        figures=("dashboardpage.*",),
    ),
    Row(
        id="C10",
        title="P95 of the API",
        text="Each route has an objective of 500 ms at most. Theirs went from 2500 ms to below 500.",
        figures=("database.layers.parallel.api.*.p95_ms", "database.layers.readmodel.api.*.p95_ms"),
    ),
    Row(
        id="C11",
        title="One score",
        text="Each verdict bears one score, weighted over all objectives. Theirs went from 82.3 to 95 of 100.",
    ),
)
