"""The load itself, on Locust: always a process of its own, started fresh. Nothing else here may import it."""
