"""The schema, version by version: ``NNNN_name.up.sql`` with its ``NNNN_name.down.sql``, and what runs them.

A file whose first line is ``-- outside a transaction`` is run a statement at a time (a statement ends with
a semicolon at the end of a line), because ``CONCURRENTLY`` refuses a transaction. Such a file must leave
the same result when it is run again, since it may have been killed half way. Every other file is one
transaction with its entry in ``schema_migrations``.
"""
