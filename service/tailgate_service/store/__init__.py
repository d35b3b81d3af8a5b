"""The data layer: one Protocol, one module per variant."""
