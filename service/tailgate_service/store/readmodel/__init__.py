"""The data layer that reads documents: hot ones from the process's own memory, others in one round trip."""
