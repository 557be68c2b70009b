"""FHIR R4 to typed views of what billing needs, and OperationOutcomes back.

It knows the standard and nothing of who listens. `reading` turns bytes into a `Document` of views with findings,
`outcome` tells the sender what was wrong.
"""
