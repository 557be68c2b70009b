"""Which servers do the tests run against? `shared.testing.infrastructure` decides, and says so in the header."""

pytest_plugins = ["shared.testing.infrastructure"]
