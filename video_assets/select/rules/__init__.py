"""Pure rules of the selection: tables in, reasons out."""
