"""Why a clip is, or is not, in the table.

Belongs here: following one clip through every stage. Does not belong here: deciding anything anew.
"""
