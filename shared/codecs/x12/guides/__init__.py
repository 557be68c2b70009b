"""The implementation guides as tables: which loops, segments and elements a transaction set has.

Facts of ASC X12 005010 and its health care guides, in a notation of our own (`notation`); `dictionary` holds what the
standard itself fixes: data elements, their types and lengths, and the elements of each segment.
"""
