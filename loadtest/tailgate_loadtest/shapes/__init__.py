"""What load is planned: profiles, and the schedule they mean. No clock, no sleep, no Locust."""
