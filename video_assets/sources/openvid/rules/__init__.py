"""Pure decisions about OpenVid: names of archives, members that are refused, caption rows, what is due."""
