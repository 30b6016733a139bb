"""Pure rules of what-if: whole columns in, fates and counts out; no object per clip."""
