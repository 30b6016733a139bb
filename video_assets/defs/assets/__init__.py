"""Assets: read, call `io`, return a result with metadata. Logic, loops and pandas belong in `core` and `io`."""
