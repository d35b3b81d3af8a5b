"""The options that verbs share, each as the type of the argument it gives, so that the verb reads as a list."""

from pathlib import Path
from typing import Annotated

import typer
from tailgate_otel import names

LOAD, OPEN = "What to load", "Open model: arrivals by plan"
SECURING = "How connections are secured"
JUDGING, REFERENCE, OUTPUT = "What to judge by", "The reference API", "What comes out"

VARIANTS_HELP = "sequential (before tuning), parallel (tuned), or readmodel (documents kept current)."

Classes = Annotated[list[str] | None, typer.Argument(help="Only these user classes of the locustfile.")]
Locustfile = Annotated[
    str | None,
    typer.Option("-f", "--locustfile", envvar="LOCUST_LOCUSTFILE", help="Any locustfile.", rich_help_panel=LOAD),
]
TargetsFile = Annotated[
    str | None, typer.Option("--targets", help="The targets file that the personas read.", rich_help_panel=LOAD)
]
OpenApi = Annotated[
    str | None,
    typer.Option(
        "--openapi",
        help="The API's OpenAPI file: requests without a name= go by its paths, such as /orders/{id}.",
        rich_help_panel=LOAD,
    ),
]

ProfileName = Annotated[
    str | None,
    typer.Option(
        "--profile",
        help="smoke, gate, load, stress, spike, soak, breakpoint, or a .yaml file: arrivals by plan.",
        rich_help_panel=OPEN,
    ),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="The same seed, the same arrivals.", rich_help_panel=OPEN)]

Slo = Annotated[
    str | None, typer.Option("--slo", help="The objectives file; by default slo.yaml here.", rich_help_panel=JUDGING)
]
Budget = Annotated[str, typer.Option("--budget", help="How long to load both at the most.", rich_help_panel=JUDGING)]
Turn = Annotated[
    int,
    typer.Option("--turn", min=1, max=60, help="Seconds for which a side is loaded alone.", rich_help_panel=JUDGING),
]
ErrorRate = Annotated[
    float,
    typer.Option(
        "--error-rate",
        min=1e-6,
        max=0.2,
        help="How probable a verdict of worse may be for two sides that are the same.",
        rich_help_panel=JUDGING,
    ),
]
CalibrationFile = Annotated[
    Path,
    typer.Option(
        "--calibration",
        help="Where `tailgate calibrate` keeps how often such verdicts are wrong here.",
        rich_help_panel=JUDGING,
    ),
]
Tolerate = Annotated[
    list[str] | None,
    typer.Option(
        "--tolerate",
        envvar=names.ENV_TOLERATE,
        help="How much the machine may disturb the generator before a run decides nothing: steal=30%, or another of"
        " late, stalled, waited, throttled, shared; may be given often. The report says what was tolerated.",
        rich_help_panel=JUDGING,
    ),
]

Insecure = Annotated[
    bool, typer.Option("--insecure", help="Take any certificate; the run warns of it.", rich_help_panel=SECURING)
]

DbRtt = Annotated[
    str,
    typer.Option(
        "--db-rtt",
        help="A round trip put between the reference API and its database, such as 20ms.",
        rich_help_panel=REFERENCE,
    ),
]

Out = Annotated[
    str | None, typer.Option("--out", help="Where bundles are written; by default runs/.", rich_help_panel=OUTPUT)
]
AsJson = Annotated[bool, typer.Option("--json", help="The verdict as JSON on standard output.", rich_help_panel=OUTPUT)]
