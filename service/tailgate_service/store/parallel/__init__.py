"""The data layer after tuning: explicit columns, relations in one statement, independent ones at once."""
