"""What is kept in mind of rows that are read often and rarely change, and how every process learns that one did.

A process may keep something in mind while it hears of every change: that is its *session* (``session.py``), of which it
has one after another (``sessions.py``). What is kept lies in Redis, or in the process while Redis is gone
(``shared.py``, ``local.py``), and each believes of it only what its own session vouches for (``cache.py``).
"""
