"""The tailgate command: one file per verb; the only place that knows every package."""
