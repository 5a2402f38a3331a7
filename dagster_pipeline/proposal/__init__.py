"""From a live table to the table file that a person would propose for it, each choice with its evidence. Pure."""
