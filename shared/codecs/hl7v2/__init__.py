"""HL7 v2 to and from typed documents: registrations, appointments, charges, accounts, and the answers to them.

It knows the standard and nothing of who listens. `mllp` finds messages in bytes, `message` reads one, `documents`
says what kind it is and reads it, `acknowledgement` writes the answer.
"""
