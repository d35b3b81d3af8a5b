"""``python -P -m tailgate_loadtest.engine``: reads orders on standard input, puts the load on, writes the account."""

from gevent import monkey

monkey.patch_all()

from tailgate_loadtest.engine.main import main  # noqa: E402 - gevent must patch before anything else is imported

if __name__ == "__main__":
    raise SystemExit(main())
