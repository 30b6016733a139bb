"""Pure decisions about the product: rows and their spelling, differences, findings, names of versions."""
