"""YAML as trees of text: nothing guessed, nothing run, nothing without bound."""

import pytest
import yaml
from tailgate_slo import SloError, stream


@pytest.fixture(params=["CSafeLoader", "SafeLoader"], autouse=True)
def loader(request, monkeypatch):
    """Both of PyYAML's parsers, since an installation may have only the slow one."""
    monkeypatch.setattr(stream, "_LOADER", getattr(yaml, request.param))


def trees(text):
    return list(stream.read_stream(text, "slo.yaml"))


def plain(tree):
    if isinstance(tree.content, str):
        return tree.content
    if isinstance(tree.content, tuple):
        return [plain(item) for item in tree.content]
    return {key: plain(value) for key, value in tree.content.items()}


def test_every_scalar_is_the_text_that_was_written():
    text = "a: 0.9500\nb: no\nc: '0.5'\nd: 1:30\ne: 2030-01-31\nf: [1_000, ~]\n"
    assert plain(trees(text)[0][1]) == {
        "a": "0.9500",
        "b": "no",
        "c": "0.5",
        "d": "1:30",
        "e": "2030-01-31",
        "f": ["1_000", "~"],
    }


def test_documents_are_numbered_and_empty_ones_only_counted():
    assert [(number, plain(tree)) for number, tree in trees("---\na: 1\n---\n---\n# nothing\n---\nb: 2\n")] == [
        (1, {"a": "1"}),
        (4, {"b": "2"}),
    ]


def test_lines_count_from_one_over_the_whole_file():
    (_, first), (_, second) = trees("a: 1\n---\nb:\n  c: 2\n")
    assert (first.line, second.content["b"].content["c"].line) == (1, 4)


def test_nothing_is_nothing_only_without_quotes():
    tree = trees("a:\nb: ''\nc: ~\nd: 'null'\ne: null\n")[0][1]
    assert [key for key, value in tree.content.items() if value.is_null] == ["a", "c", "e"]


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("a: &x 1\nb: *x\n", 2, "aliases are not read"),
        ("a: &x [*x]\n", 1, "aliases are not read"),
        ("a: 1\nb: !!python/object/apply:os.system ['true']\n", 2, "tags are not read"),
        ("a: !!str 1\n", 1, "tags are not read"),
        ("a: 1\nb: 2\na: 3\n", 3, "the key a stands twice, first on line 1"),
        ("? [a]\n: 1\n", 1, "a key must be a single word"),
        ("a: b: c\n", 1, "not YAML: mapping values are not allowed"),
        ("a: [1\n", 2, "not YAML"),
        ("a: 1\n\tb: 2\n", 2, "not YAML"),
        ("a: \0\n", 1, "not YAML"),
        ("[" * 100, 1, "nested more than 32 deep"),
        ("{a: " * 100, 1, "nested more than 32 deep"),
        ("- " * 5_000, 1, "nested more than 32 deep"),
    ],
)
def test_what_cannot_be_read_safely_is_refused_at_its_line(text, line, problem):
    with pytest.raises(SloError, match=rf"^slo\.yaml:{line}: document 1: {problem}"):
        trees(text)


def test_a_small_file_of_aliases_cannot_grow():
    bomb = "a: &a [x, x]\n" + "".join(f"{c}: &{c} [*{p}, *{p}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True))
    with pytest.raises(SloError, match="aliases are not read"):
        trees(bomb)
