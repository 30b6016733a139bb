"""Pure rules of the report: columns in, findings out, and the findings in words."""
