"""What can go wrong in the command itself; each package below has a tree of its own."""


class CommandError(Exception):
    """The command was asked for something that cannot be: one sentence, naming the place and the cure."""
