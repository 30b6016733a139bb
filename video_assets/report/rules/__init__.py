"""Pure rules of the report: columns in, findings out."""
