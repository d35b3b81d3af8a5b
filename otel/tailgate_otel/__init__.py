"""Instrumentation for any ASGI and asyncpg application: traces, exact query counts, metrics."""
