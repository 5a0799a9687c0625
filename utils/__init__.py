"""The code that two or more of the notebooks share."""
