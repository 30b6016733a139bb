"""Pure decisions about MiraData: what a row says, which cuts are wanted."""
