"""Whatever a file holds, reading it ends in objectives or in an error of ours."""

from contextlib import suppress

import yaml
from hypothesis import given
from hypothesis import strategies as st
from tailgate_slo import SloError, parse, reference_path

REFERENCE = reference_path().read_text()
LINES = REFERENCE.splitlines(keepends=True)

# The reference's own words, so that junk gets past the first checks.
words = st.sampled_from(sorted({word.strip("-,:") for word in REFERENCE.split()}))
scalars = st.one_of(words, st.text(max_size=20), st.integers(), st.floats(), st.none(), st.dates())
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(words, inner, max_size=6)),
    max_leaves=40,
)


def read(data: bytes) -> None:
    with suppress(SloError):
        parse(data, "slo.yaml")


@given(st.binary(max_size=300))
def test_any_bytes(data):
    read(data)


@given(st.text(max_size=300))
def test_any_text(text):
    read(text.encode("utf-8", "surrogatepass"))


@given(st.lists(values, max_size=3))
def test_any_yaml(documents):
    read(yaml.safe_dump_all(documents).encode())


@given(values, st.sampled_from(["SLO", "SLI", "Service", "DataSource", "AlertPolicy"]))
def test_any_specification_under_a_right_head(spec, kind):
    head = {"apiVersion": "openslo/v1", "kind": kind, "metadata": {"name": "x"}, "spec": spec}
    read(f"{REFERENCE}---\n{yaml.safe_dump(head)}".encode())


@given(values, st.sampled_from(["Gate", "Metrics"]))
def test_any_specification_of_our_own(spec, kind):
    head = {"apiVersion": "tailgate/v1", "kind": kind, "metadata": {"name": "x"}, "spec": spec}
    read(f"{REFERENCE}---\n{yaml.safe_dump(head)}".encode())


@given(st.data())
def test_any_damage_to_a_right_file(data):
    lines = list(LINES)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        match data.draw(st.sampled_from(["drop", "double", "swap", "cut", "fill"])):
            case "drop":
                del lines[at]
            case "double":
                lines.insert(at, lines[at])
            case "swap":
                other = data.draw(st.integers(0, len(lines) - 1))
                lines[at], lines[other] = lines[other], lines[at]
            case "cut":
                lines[at] = lines[at][: data.draw(st.integers(0, len(lines[at])))]
            case "fill":
                lines[at] = lines[at].split(":")[0] + ": " + data.draw(st.text(max_size=20)) + "\n"
    read("".join(lines).encode("utf-8", "surrogatepass"))
