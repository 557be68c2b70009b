"""Fuzzing of the X12 codec: `make fuzz`. In an environment of its own, for the fuzzer needs nothing else of ours."""
