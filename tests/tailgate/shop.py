"""A shop in Perl, which every Debian has, as a project of somebody's own: a repository of two commits.

It keeps its stock in a file, and answers every request with what it is: its price list's version, how often something
was bought, and what it was told of its side. The second commit is slower: whoever asks for the catalogue waits longer.
"""

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
from tailgate_loadtest.run.receiver import TraceReceiver
from tailgate_loadtest.shapes.sides import Side

from tailgate import settings
from tailgate.sides.opening import Means, Sides, open_sides

SHOP = r"""
use IO::Socket::INET;
my ($port, $stock) = @ARGV;
my $listener = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => $port, Listen => 128, ReuseAddr => 1)
  or die "cannot listen: $!";
print "open for business\n"; $| = 1;
$SIG{CHLD} = "IGNORE";
while (my $client = $listener->accept) {
  my ($method, $path) = split " ", scalar(<$client>) // "";
  while (defined(my $line = <$client>)) { last if $line =~ /^\r?$/ }
  open my $file, "+<", $stock or die "no stock: $!";
  chomp(my $left = <$file>);
  if ($path eq "/buy") { $left--; seek $file, 0, 0; print $file "$left\n" }
  close $file;
  my $slow = $path eq "/catalogue";
  next if $slow && fork;  # it keeps nobody waiting who asks for something else
  select undef, undef, undef, DELAY if $slow;
  my $body = qq({"version": VERSION, "left": $left, "side": "$ENV{TAILGATE_SIDE}", "greeting": "$ENV{GREETING}"});
  print $client "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " . length($body)
    . "\r\nConnection: close\r\n\r\n$body";
  close $client;
  exit if $slow;
}
"""
SETTINGS = """
service:
  build: cp shop.pl built.pl
  seed: echo 7 > "$TAILGATE_DIRECTORY/stock"
  start: exec perl built.pl "$TAILGATE_PORT" "$TAILGATE_DIRECTORY/stock"
  ready: /health
  metrics: http://127.0.0.1:$TAILGATE_METRICS_PORT/metrics
  targets: $TAILGATE_DIRECTORY/targets.json
  env: {GREETING: hello from the $TAILGATE_SIDE}
  timeout: 20s
"""
FASTER, SLOWER = "0.002", "0.020"


def git(directory: Path, *arguments: str) -> str:
    """What git says there; nobody's own configuration is heeded."""
    return subprocess.run(
        ["git", "-c", "user.name=shop", "-c", "user.email=shop@localhost", *arguments],
        cwd=directory,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()


def write(directory: Path, version: int) -> None:
    """The program of a version."""
    delay = FASTER if version == 1 else SLOWER
    (directory / "shop.pl").write_text(SHOP.replace("VERSION", str(version)).replace("DELAY", delay))


def repository(directory: Path, settings: str = SETTINGS) -> Path:
    """A repository whose branch ``main`` is at the first commit, and ``slower``, at the second, is checked out."""
    directory.mkdir(exist_ok=True)
    git(directory, "init", "-q", "-b", "main")
    (directory / "tailgate.yaml").write_text(settings)
    (directory / ".gitignore").write_text("*.log\n")
    write(directory, 1)
    git(directory, "add", ".")
    git(directory, "commit", "-q", "-m", "a shop")
    git(directory, "checkout", "-q", "-b", "slower")
    write(directory, 2)
    git(directory, "commit", "-q", "-a", "-m", "a longer catalogue")
    return directory


def with_submodule(project: Path) -> Path:
    """Adds a submodule to a project, and commits that; its directory."""
    library = project.parent / "library"
    library.mkdir()
    git(library, "init", "-q")
    (library / "list.txt").write_text("prices")
    git(library, "add", ".")
    git(library, "commit", "-q", "-m", "a library")
    git(project, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(library), "lib of ours")
    git(project, "commit", "-q", "-a", "-m", "uses a library")
    return project / "lib of ours"


def asked(url: str, path: str = "/") -> dict[str, Any]:
    """What the shop answers."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url + path, timeout=10) as answer:
        document: dict[str, Any] = json.load(answer)
    return document


@contextmanager
def opened(base: str | None = None, candidate: str | None = None, **means: object) -> Iterator[Sides]:
    """Both sides, by the settings of the working directory; none of their processes is left."""
    with ExitStack() as receiving:
        receivers = {side: receiving.enter_context(TraceReceiver()) for side in Side}
        asked = Means(service=settings.load().service, receivers=receivers)
        before = set(psutil.Process().children(recursive=True))
        with open_sides(base, candidate, replace(asked, **means)) as sides:
            began = set(psutil.Process().children(recursive=True)) - before
            yield sides
        _, alive = psutil.wait_procs(began, timeout=10)
        assert alive == []
