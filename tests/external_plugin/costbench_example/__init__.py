"""What somebody else adds to costbench."""
