"""How often a gate is wrong: of sides that are the same, and of sides of which it is known how they differ."""
