"""Real browsers that visit pages: they measure what people feel, alone or while a load runs."""
