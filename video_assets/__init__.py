"""Raw video clips to a training table in which every clip decodes, as Dagster software-defined assets.

Kept free of imports: workers, the command line and Dagster's code server each load only what they need.
"""
