"""Bytes from the Hugging Face hub; nothing outside this package imports its client.

Belongs here: repositories, streams, ranges, errors in our words. Does not belong here: what a file holds (`sources.openvid`).
"""
