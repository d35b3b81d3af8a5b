"""The schema, version by version: ``NNNN_name.up.sql`` with its ``NNNN_name.down.sql``, and what runs them.

A file whose first line is ``-- outside a transaction`` is run a statement at a time (a statement ends with
a semicolon at the end of a line), because ``CONCURRENTLY`` refuses a transaction. Such a file must leave
the same result when it is run again, since it may have been killed half way. Every other file is one
transaction with its entry in ``schema_migrations``.

All of them run while services serve. A step that takes a lock others wait for holds it for a moment: indexes are built
CONCURRENTLY, constraints added NOT VALID and then validated, policies altered one by one. No step adds a column to a
table that ``sequential`` reads with ``select *``: its statements, known to their connections, would fail once. A way
back may count on nobody needing the step (``holds.py``).
"""
