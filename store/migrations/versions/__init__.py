"""One file per change of the schema, each going up and down on both databases."""
