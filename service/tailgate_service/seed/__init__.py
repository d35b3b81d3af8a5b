"""Seed data: many inboxes, the same to the byte for the same configuration, written by COPY."""
