"""What do others need to know to speak with Ledgerline?

JSON Schema of every event, AsyncAPI of the log, OpenAPI of every service, and pages that name every event and setting: written from
the code by `make schemas`, committed, and compared by tests.
"""
