"""Where the console script begins: Ctrl-C ends the program even while it is being imported."""

import signal
import sys


def main() -> None:
    """Run the command."""
    try:
        from tailgate.main import main as command
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    command()
