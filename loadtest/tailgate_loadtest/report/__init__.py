"""Shows what a run came to: a page, a summary and a test report in its bundle, and a table for the terminal."""
