"""Load with a verdict: shapes, engine, measure, run, judge, report."""
