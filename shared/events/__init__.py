"""The one vocabulary of the revenue cycle: defined here, decided by the owning service, read by everyone."""
