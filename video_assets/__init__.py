"""Raw video clips to a training table in which every clip decodes, as Dagster software-defined assets.

Ask what the program does for a user: that word is the folder. Pure decisions are in the folder's `rules`.
Kept free of imports: workers, the command line and Dagster's code server each load only what they need.
"""
