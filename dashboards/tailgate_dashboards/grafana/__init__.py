"""What is put into a Grafana: a folder, boards, data sources, and the regions of load tests."""
