"""All services in one process and one event loop, over a store, a feed, a clock and a world outside that a seed makes fail.

What runs is the production code: deciders, command handlers, group committers, readers, projections, policies, timers, tasks. What is
simulated lies behind ports: where events and rows are kept (`log.py`, `rows.py`), how they are told (`feed.py`), and what time it is
(`loop.py`). A run with the same seed is the same run, to the byte.
"""
