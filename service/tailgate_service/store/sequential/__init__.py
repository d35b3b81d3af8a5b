"""The data layer as first written: whole rows, one query after another, relations fetched step by step."""
