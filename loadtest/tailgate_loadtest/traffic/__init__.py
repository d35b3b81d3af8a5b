"""What production was asked, and when, becomes a load profile and the skeleton of a locustfile."""
