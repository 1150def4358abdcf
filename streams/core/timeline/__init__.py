"""Timeline entries of a citizen, and the summary of a case that they give."""
