"""What is compared request for request or count for count, without statistics."""
