"""Pure decisions of the exports: names, groups, text."""
