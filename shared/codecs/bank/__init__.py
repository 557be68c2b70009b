"""Bank files to typed statements: BAI2, and lists of deposits in CSV. It knows the standards and nothing of who reads them."""
