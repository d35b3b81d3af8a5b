"""What people see of a calibration: a table in the terminal, and a page with a picture of each route."""
