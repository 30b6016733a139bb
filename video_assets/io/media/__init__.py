"""Everything that touches FFmpeg (through PyAV): reading, probing, decoding, encoding clips.

Belongs here: libav; nothing outside this package imports `av`. Does not belong here: processes and limits (`io.workers`), tables.
"""
