"""Why a clip is, or is not, in the table, and how far the whole data root is. Reads files only.

Belongs here: following one clip, or all of them, through every stage; what each reason means. Does not belong here: deciding
anything anew, what Dagster knows (`local.status`).
"""
