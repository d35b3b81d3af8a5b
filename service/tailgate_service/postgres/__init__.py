"""The embedded Postgres: the binaries of a wheel under a launcher of our own."""
