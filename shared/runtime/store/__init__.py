"""The event store of one service: what was decided, once, in order, for ever."""
