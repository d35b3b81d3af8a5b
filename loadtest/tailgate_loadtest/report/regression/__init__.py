"""What people see of a comparison: its page, comment, summary, test report and table, all of one document."""
