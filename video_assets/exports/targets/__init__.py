"""One module per format: `write(rows, out)` takes tables of a few thousand rows and writes the files. Nothing else is here."""
