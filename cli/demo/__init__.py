"""The demonstration: feedback that we wrote about two made-up shops, when it came in, and how it gets into a workspace."""
