"""X12 005010 healthcare transactions: bytes to typed documents and back.

Knows the standard (ASC X12N 005010 guides), not the services. Amounts are integer cents, dates are plain dates,
problems are collected with segment and element instead of stopping at the first.
"""
