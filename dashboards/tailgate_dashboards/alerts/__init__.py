"""What a load test asks of an Alertmanager: to page nobody for the objectives that it may break."""
