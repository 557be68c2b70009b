"""What proves that the log is what it was? Merkle heads over each service's feed, signed, and kept in a second place."""
