"""Everything that touches FFmpeg (through PyAV): reading, probing, decoding, cutting, encoding clips.

Belongs here: libav; nothing outside this package imports `av`. Does not belong here: processes and limits (`workers`), tables.
"""
