"""Bucket rules, one module per family of trainers; all take `Clips` and give `Placed`.

They were written from what the trainers' own code does; `benchmarks/census.py` holds them against that code.
"""
