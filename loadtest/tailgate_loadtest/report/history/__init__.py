"""What people see of many runs: a table in the terminal, and a page with a picture of each route."""
