"""Voice agents: what they are told to be, how the outside provider learns of it, and calls to try them."""
